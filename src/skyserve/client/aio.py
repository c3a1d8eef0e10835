"""`skyserve.aio`: the functions of skyserve for asyncio. Cancelling one hangs up; what was begun goes on."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skyserve.client.async_client import AsyncClient
from skyserve.client.calls import Target
from skyserve.client.load import load_task
from skyserve.client.sdk import names_of, names_to_end
from skyserve.client.waiting import POLL_SECONDS, gone, ready
from skyserve.contracts.infra import CheckResult
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.view import DownResult, PlanView, ServiceView

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
        views = await client.status([view.name])
        if not views:
            raise ServeError(ErrorKind.NOT_FOUND, f"Service '{view.name}' has been terminated.")
        view = views[0]
    return view


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


async def check() -> list[CheckResult]:
    """As skyserve.check."""
    return await AsyncClient().check()
