"""`import skyserve`: the client's operations as plain functions, for the installation of the environment."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skyserve.client.calls import Target
from skyserve.client.client import Client
from skyserve.client.load import load_task
from skyserve.client.waiting import POLL_SECONDS, check_outcome, gone, ready, updated
from skyserve.contracts.infra import CheckResult
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.key import KeyLimits
from skyserve.model.rollout import UpdateMode
from skyserve.model.traffic import ServiceTraffic
from skyserve.model.view import DownResult, KeyView, NewKey, PlanView, ServiceView, VersionView

if TYPE_CHECKING:
    from skyserve.spec.task import Task


def up(
    task: "Task | Path | str | Mapping[str, Any]",
    service_name: str | None = None,
    *,
    envs: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    wait: bool = False,
) -> ServiceView:
    """Start a service.

    `task`: the path of a YAML file, its content as a dictionary, or a Task. `envs` and `secrets` go over those of the
    file. Returns once the service is recorded; with `wait`, once a replica is ready. Relative paths of the task are
    resolved against the current directory. Raises ServeError.
    """
    client = Client()
    view = client.up(load_task(task, envs=envs, secrets=secrets, environ=os.environ), service_name)
    while wait and not ready(view.name, view):
        time.sleep(POLL_SECONDS)
        view = _one(client, view.name)
    return view


def update(
    task: "Task | Path | str | Mapping[str, Any]",
    service_name: str,
    mode: UpdateMode | str | None = None,
    *,
    envs: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    wait: bool = False,
) -> ServiceView:
    """Give a service a new version, brought in by `mode` ("rolling", "blue_green", "canary"), by default as the task
    says. The other parameters are those of `up`; the name in the task is not used.

    Returns once the version is recorded; with `wait`, once it has taken over: if it fails, and the service goes back to
    the version before, that is an error. Raises ServeError.
    """
    client = Client()
    loaded = load_task(task, envs=envs, secrets=secrets, environ=os.environ)
    return _taken_over(client, client.update(loaded, service_name, mode_of(mode)), wait)


def rollback(service_name: str, to: int | None = None, *, wait: bool = False) -> ServiceView:
    """Give a service a new version that is what version `to` was, by default the one before. `wait` as in `update`.
    Raises ServeError."""
    client = Client()
    return _taken_over(client, client.rollback(service_name, to), wait)


def history(service_name: str) -> list[VersionView]:
    """The versions of a service that are remembered, ascending. Raises ServeError."""
    return Client().history(service_name)


def pause(service_name: str) -> ServiceView:
    """Hold an update under way where it stands. Raises ServeError."""
    return Client().pause(service_name)


def resume(service_name: str) -> ServiceView:
    """Go on with an update that is held. Raises ServeError."""
    return Client().resume(service_name)


def status(service_names: str | Sequence[str] | None = None) -> list[ServiceView]:
    """Services by name (None: all). A name that no service bears is left out. Raises ServeError."""
    return Client().status(names_of(service_names))


def down(
    service_names: str | Sequence[str] | None = None, *, all: bool = False, purge: bool = False, wait: bool = False
) -> DownResult:
    """Have services terminated: by names or patterns, or `all`. `purge` also forgets machines that cannot be reached.

    Returns once that is recorded; with `wait`, once nothing of them is left. Raises ServeError.
    """
    client = Client()
    result = client.down(names_to_end(service_names, all), purge=purge)
    for name in result.scheduled if wait else ():
        while not gone(name, next(iter(client.status([name])), None)):
            time.sleep(POLL_SECONDS)
    return result


def terminate_replica(service_name: str, replica_id: int, purge: bool = False) -> None:
    """Have one replica terminated; another takes its place. Raises ServeError."""
    Client().terminate_replica(service_name, replica_id, purge=purge)


def logs(service_name: str, target: Target, *, follow: bool = True, tail: int | None = None) -> Iterator[bytes]:
    """The log of a replica (its id), of the `controller` or of the `load_balancer`, as it comes.

    With `tail`, its last so many lines; with `follow`, until it ends. Raises ServeError at the first step.
    """
    return Client().logs(service_name, target, follow=follow, tail=tail)


def plan(service_name: str) -> PlanView:
    """What the controller would do with a service now, and why. Raises ServeError."""
    return Client().plan(service_name)


def create_key(
    service_name: str,
    key_name: str | None = None,
    *,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    tokens_per_day: int | None = None,
    priority: int = 0,
    expires_in: float | None = None,
) -> NewKey:
    """Make an API key of a service. Without a name one is made up. `expires_in`: seconds for which it is good,
    by default for ever. The key itself is told this once. Raises ServeError."""
    limits = KeyLimits(requests_per_minute, tokens_per_minute, tokens_per_day, priority)
    return Client().create_key(service_name, key_name, limits, expires_in=expires_in)


def keys(service_name: str) -> list[KeyView]:
    """The API keys of a service, without the keys themselves. Raises ServeError."""
    return Client().keys(service_name)


def revoke_key(service_name: str, key: str) -> None:
    """Let an API key, named by its name or id, be good for nothing from now on. Raises ServeError."""
    Client().revoke_key(service_name, key)


def traffic(service_names: str | Sequence[str] | None = None) -> list[ServiceTraffic]:
    """What the endpoint counted so far of services by name (None: of all). A name that no service bears is left out,
    and so is a service of which the endpoint cannot tell now. Raises ServeError."""
    return Client().traffic(names_of(service_names))


def check() -> list[CheckResult]:
    """Which infras can be used. Raises ServeError."""
    return Client().check()


def names_of(service_names: str | Sequence[str] | None) -> Sequence[str] | None:
    """One name as a list of one."""
    return [service_names] if isinstance(service_names, str) else service_names


def names_to_end(service_names: str | Sequence[str] | None, everything: bool) -> Sequence[str] | None:
    """Names for the client's `down`. Raises ServeError unless exactly one of the two is given: ending all services
    must be meant."""
    if (service_names is None) != everything:
        raise ServeError(ErrorKind.INVALID_REQUEST, "Give either service_names, or all=True.")
    return names_of(service_names)


def mode_of(mode: UpdateMode | str | None) -> UpdateMode | None:
    """A mode by its name, or as it is. Raises ServeError."""
    try:
        return mode if mode is None else UpdateMode(mode)
    except ValueError:
        raise ServeError(
            ErrorKind.INVALID_REQUEST, f"There is no update mode {mode!r}.", f"Choose one of {', '.join(UpdateMode)}."
        ) from None


def _taken_over(client: Client, view: ServiceView, wait: bool) -> ServiceView:
    version = view.version
    while wait and not updated(view.name, version, view):
        time.sleep(POLL_SECONDS)
        view = _one(client, view.name)
    if wait:
        check_outcome(view.name, version, client.history(view.name))
    return view


def _one(client: Client, name: str) -> ServiceView:
    views = client.status([name])
    if not views:
        raise ServeError(ErrorKind.NOT_FOUND, f"Service '{name}' has been terminated.")
    return views[0]
