"""Rules that span sections of a task."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from skyserve.spec.base import Finding
from skyserve.spec.resources import Option, Resources
from skyserve.spec.service import Service

if TYPE_CHECKING:
    from skyserve.spec.task import Task

_WORKDIR_ON_REPLICA = ("~/sky_workdir", "/root/sky_workdir")
_DOCKER_LOGIN = ("SKYPILOT_DOCKER_USERNAME", "SKYPILOT_DOCKER_PASSWORD", "SKYPILOT_DOCKER_SERVER")
_LOCATION = ("infra", "cloud", "region", "zone")


def findings(task: "Task") -> Iterator[Finding]:
    """What contradicts itself in a task whose sections are each right."""
    yield from _files(task)
    yield from _docker_login(task)
    if task.service is not None and task.pool is not None:
        yield Finding("given together with service", "Keep one of them.", ("pool",))
    elif task.service is not None:
        yield from _recovery(task.resources)
        yield from _ports(task.service, task.resources)
        yield from _spot(task.service, task.resources)
    elif task.pool is not None:
        yield from _pool(task.resources)


def _files(task: "Task") -> Iterator[Finding]:
    for destination in task.file_mounts:
        if not destination.strip():
            yield Finding("a mount needs a path on the replica", "Write /path: source.", ("file_mounts", destination))
        if task.workdir is not None and destination.rstrip("/") in _WORKDIR_ON_REPLICA:
            where = ("file_mounts", destination)
            yield Finding("is where workdir goes", "Mount it elsewhere, or remove workdir.", where)


def _docker_login(task: "Task") -> Iterator[Finding]:
    for section, names in (("envs", set(task.envs)), ("secrets", set(task.secrets))):
        missing = [name for name in _DOCKER_LOGIN if name not in names]
        if 0 < len(missing) < len(_DOCKER_LOGIN):
            remedy = f"Write all three of {', '.join(_DOCKER_LOGIN)} here."
            yield Finding(f"a login to a Docker registry lacks {' and '.join(missing)}", remedy, (section,))


def _recovery(resources: Resources) -> Iterator[Finding]:
    if any(option.job_recovery for option in resources.alternatives):
        remedy = "Remove it: preempted replicas are replaced anyway."
        yield Finding("is for managed jobs, not for services", remedy, ("resources", "job_recovery"))


def _ports(service: Service, resources: Resources) -> Iterator[Finding]:
    where = ("resources", "ports")
    main = service.ports
    opened = [option.ports for option in resources.alternatives]
    if main is not None:
        if not all(any(main in ports for ports in option) for option in opened):
            remedy = f"Add {main} to resources.ports."
            yield Finding(f"port {main} is not among resources.ports", remedy, ("service", "ports"))
    elif not all(opened):
        yield Finding("a service needs the port that its replicas listen on", "Write for example ports: 8080.", where)
    elif any(sum(map(len, option)) > 1 for option in opened):
        yield Finding("several ports", "Write the one that serves requests under service.ports too.", where)
    elif len(set(opened)) > 1:
        yield Finding("the alternatives open different ports", "Open the same port in each.", where)


def _spot(service: Service, resources: Resources) -> Iterator[Finding]:
    options = resources.alternatives
    if (field := service.spot_field) and not all(option.use_spot for option in options):
        where = ("service", "replica_policy", field)
        yield Finding("needs spot machines", "Write use_spot: true under resources, for every alternative.", where)
    elif service.scaling.spot_placer and len({_needs(option) for option in options}) > 1:
        where = ("service", "replica_policy", "spot_placer")
        remedy = "Let the alternatives differ in infra alone."
        yield Finding("a spot placer moves one kind of machine, but the resources differ", remedy, where)


def _needs(option: Option) -> str:
    return option.model_dump_json(exclude=set(_LOCATION))


def _pool(resources: Resources) -> Iterator[Finding]:
    if any(option.ports for option in resources.alternatives):
        yield Finding("a pool serves no port", "Remove it.", ("resources", "ports"))
    if resources.ordered:
        yield Finding("a pool takes no ordered resources", "Write any_of.", ("resources", "ordered"))
