"""What parses but has no effect yet, and is therefore refused: nothing in a YAML is ignored in silence."""

from collections.abc import Iterator

from skyserve.spec.accelerators import is_selector
from skyserve.spec.base import Finding
from skyserve.spec.errors import Problem, SpecError
from skyserve.spec.infra import OWN_MACHINES
from skyserve.spec.resources import Option
from skyserve.spec.source import Path, Source
from skyserve.spec.storage import is_url
from skyserve.spec.task import Task
from skyserve.spec.task_config import TaskConfig

_YET = "not supported yet"
_REMOVE = "Remove it."

_TASK_KEYS = ("volumes", "managed_secrets", "event_callback", "inputs", "outputs", "api_server_access")
_OPTION_KEYS = (
    "instance_type",
    "accelerator_args",
    "disk_size",
    "disk_tier",
    "network_tier",
    "local_disk",
    "image_id",
    "labels",
    "volumes",
    "autostop",
    "priority",
    "priority_class",
)


def refuse_unsupported(task: Task, source: Source | None = None) -> None:
    """Raise SpecError if the task asks for anything that would have no effect."""
    if problems := unsupported(task, source):
        raise SpecError(problems)


def unsupported(task: Task, source: Source | None = None) -> list[Problem]:
    """Everything in the task that would have no effect; with its lines if `source` is given."""
    document = source or Source("", {})
    return [document.problem(key, reason, remedy) for reason, remedy, key in _findings(task)]


def _findings(task: Task) -> Iterator[Finding]:
    for name in _TASK_KEYS:
        if getattr(task, name):
            yield Finding(_YET, _REMOVE, (name,))
    if task.config not in (None, TaskConfig()):
        yield Finding(_YET, _REMOVE, ("config",))
    yield from _files(task)
    yield from _resources(task)
    if task.pool is not None:
        yield Finding(_YET, "Write service: instead.", ("pool",))
    elif task.service is None:
        yield Finding("is missing, so this is not a service", "Write service: with replicas: 1.", ("service",))
    else:
        if not (task.run or "").strip():
            yield Finding("is missing, so nothing would answer on the port", "Write the server's command.", ("run",))


def _files(task: Task) -> Iterator[Finding]:
    if task.workdir is not None and not isinstance(task.workdir, str):
        yield Finding(f"a git repository is {_YET}", "Clone it, and write the directory's path.", ("workdir",))
    for destination, source in task.file_mounts.items():
        if not isinstance(source, str) or is_url(source):
            remedy = "Write a path on this machine, or fetch it in setup."
            yield Finding(f"a bucket or a web address is {_YET}", remedy, ("file_mounts", destination))


def _resources(task: Task) -> Iterator[Finding]:
    written: list[tuple[Option, Path]] = [(task.resources, ("resources",))]
    for group in ("any_of", "ordered"):
        entries = getattr(task.resources, group)
        written += ((entry, ("resources", group, number)) for number, entry in enumerate(entries))
    for option, path in written:
        yield from _option(option, path)


def _option(option: Option, path: Path) -> Iterator[Finding]:
    for name in _OPTION_KEYS:
        if getattr(option, name) is not None:
            yield Finding(_YET, _REMOVE, (*path, name))
    for accelerators in option.accelerators.options if option.accelerators else ():
        if is_selector(accelerators):
            remedy = "Name the device, such as A100-80GB."
            yield Finding(f"choosing accelerators by memory is {_YET}", remedy, (*path, "accelerators"))
        elif accelerators.count != int(accelerators.count):
            yield Finding(f"a share of a device is {_YET}", "Write a whole number.", (*path, "accelerators"))
    yield from _location(option, path)


def _location(option: Option, path: Path) -> Iterator[Finding]:
    infra, region, zone = option.location
    key = "infra" if option.infra else "cloud"
    if infra == "ssh":
        yield Finding("no pool is named", "Write infra: ssh/<pool>, with a pool of ssh_node_pools.yaml.", (*path, key))
    elif infra is not None and infra.partition("/")[0] not in OWN_MACHINES:
        yield Finding(f"{infra} is {_YET}", "Write infra: local, or infra: ssh/<pool>.", (*path, key))
    elif region or zone:
        remedy = "Remove it: machines of your own have no regions."
        yield Finding(_YET, remedy, (*path, "region" if region else "zone"))
