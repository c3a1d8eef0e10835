"""`skyserve.aio`: the functions of skyserve for asyncio. Cancelling one hangs up; what was begun goes on."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skyserve.client.async_client import AsyncClient
from skyserve.client.calls import Target
from skyserve.client.load import load_task
from skyserve.client.sdk import mode_of, names_of, names_to_end
from skyserve.client.waiting import POLL_SECONDS, check_outcome, gone, ready, updated
from skyserve.contracts.infra import CheckResult
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.key import KeyLimits
from skyserve.model.rollout import UpdateMode
from skyserve.model.traffic import ServiceTraffic
from skyserve.model.view import DownResult, KeyView, NewKey, PlanView, ServiceView, VersionView

if TYPE_CHECKING:
    from skyserve.spec.task import Task


async def up(
    task: "Task | Path | str | Mapping[str, Any]",
    service_name: str | None = None,
    *,
    envs: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    wait: bool = False,
) -> ServiceView:
    """As skyserve.up."""
    client = AsyncClient()
    loaded = await asyncio.to_thread(load_task, task, envs=envs, secrets=secrets, environ=os.environ)
    view = await client.up(loaded, service_name)
    while wait and not ready(view.name, view):
        await asyncio.sleep(POLL_SECONDS)
        view = await _one(client, view.name)
    return view


async def update(
    task: "Task | Path | str | Mapping[str, Any]",
    service_name: str,
    mode: UpdateMode | str | None = None,
    *,
    envs: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    wait: bool = False,
) -> ServiceView:
    """As skyserve.update."""
    client = AsyncClient()
    loaded = await asyncio.to_thread(load_task, task, envs=envs, secrets=secrets, environ=os.environ)
    return await _taken_over(client, await client.update(loaded, service_name, mode_of(mode)), wait)


async def rollback(service_name: str, to: int | None = None, *, wait: bool = False) -> ServiceView:
    """As skyserve.rollback."""
    client = AsyncClient()
    return await _taken_over(client, await client.rollback(service_name, to), wait)


async def history(service_name: str) -> list[VersionView]:
    """As skyserve.history."""
    return await AsyncClient().history(service_name)


async def pause(service_name: str) -> ServiceView:
    """As skyserve.pause."""
    return await AsyncClient().pause(service_name)


async def resume(service_name: str) -> ServiceView:
    """As skyserve.resume."""
    return await AsyncClient().resume(service_name)


async def status(service_names: str | Sequence[str] | None = None) -> list[ServiceView]:
    """As skyserve.status."""
    return await AsyncClient().status(names_of(service_names))


async def down(
    service_names: str | Sequence[str] | None = None, *, all: bool = False, purge: bool = False, wait: bool = False
) -> DownResult:
    """As skyserve.down."""
    client = AsyncClient()
    result = await client.down(names_to_end(service_names, all), purge=purge)
    for name in result.scheduled if wait else ():
        while not gone(name, next(iter(await client.status([name])), None)):  # noqa: ASYNC110 - nothing tells the end
            await asyncio.sleep(POLL_SECONDS)
    return result


async def terminate_replica(service_name: str, replica_id: int, purge: bool = False) -> None:
    """As skyserve.terminate_replica."""
    await AsyncClient().terminate_replica(service_name, replica_id, purge=purge)


def logs(service_name: str, target: Target, *, follow: bool = True, tail: int | None = None) -> AsyncIterator[bytes]:
    """As skyserve.logs."""
    return AsyncClient().logs(service_name, target, follow=follow, tail=tail)


async def plan(service_name: str) -> PlanView:
    """As skyserve.plan."""
    return await AsyncClient().plan(service_name)


async def create_key(
    service_name: str,
    key_name: str | None = None,
    *,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    tokens_per_day: int | None = None,
    priority: int = 0,
    expires_in: float | None = None,
) -> NewKey:
    """As skyserve.create_key."""
    limits = KeyLimits(requests_per_minute, tokens_per_minute, tokens_per_day, priority)
    return await AsyncClient().create_key(service_name, key_name, limits, expires_in=expires_in)


async def keys(service_name: str) -> list[KeyView]:
    """As skyserve.keys."""
    return await AsyncClient().keys(service_name)


async def revoke_key(service_name: str, key: str) -> None:
    """As skyserve.revoke_key."""
    await AsyncClient().revoke_key(service_name, key)


async def traffic(service_names: str | Sequence[str] | None = None) -> list[ServiceTraffic]:
    """As skyserve.traffic."""
    return await AsyncClient().traffic(names_of(service_names))


async def check() -> list[CheckResult]:
    """As skyserve.check."""
    return await AsyncClient().check()


async def _taken_over(client: AsyncClient, view: ServiceView, wait: bool) -> ServiceView:
    version = view.version
    while wait and not updated(view.name, version, view):
        await asyncio.sleep(POLL_SECONDS)
        view = await _one(client, view.name)
    if wait:
        check_outcome(view.name, version, await client.history(view.name))
    return view


async def _one(client: AsyncClient, name: str) -> ServiceView:
    views = await client.status([name])
    if not views:
        raise ServeError(ErrorKind.NOT_FOUND, f"Service '{name}' has been terminated.")
    return views[0]
