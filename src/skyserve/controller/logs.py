"""Logs as users ask for them: what the controller did, and what a replica printed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

from skyserve.contracts.clock import Clock
from skyserve.contracts.errors import Gone
from skyserve.controller.archive import archive_path, live_log, saved_log
from skyserve.controller.reconciler import Reconciler
from skyserve.controller.world import World
from skyserve.model.event import Event
from skyserve.model.replica import Phase
from skyserve.policy.lifecycle import MAY_HOLD_MACHINE

FOLLOW_SECONDS = 0.5
"""How often a log that is followed is looked at for more."""
MOST_EVENTS = 10_000


def _line(event: Event) -> str:
    at = datetime.fromtimestamp(event.at).astimezone().isoformat(sep=" ", timespec="milliseconds")
    about = f"replica {event.replica_id}: " if event.replica_id is not None else ""
    return f"{at} {event.kind}: {about}{event.reason}"


async def event_lines(world: World, reconciler: Reconciler, *, follow: bool, tail: int | None) -> AsyncIterator[str]:
    """The events of a service, one line each; with `follow`, until the service is gone."""
    service_id = reconciler.service.id
    numbered = await world.store.events(service_id, limit=MOST_EVENTS)
    last = max((number for number, _ in numbered), default=0)
    for _, event in numbered if tail is None else numbered[max(0, len(numbered) - tail) :]:
        yield _line(event)
    while follow:
        over = reconciler.over
        for number, event in await world.store.events(service_id, after=last):
            last = number
            yield _line(event)
        if over:
            return
        await world.clock.sleep(FOLLOW_SECONDS)


async def replica_log(
    world: World, reconciler: Reconciler, replica_id: int, *, follow: bool, tail: int | None
) -> AsyncIterator[bytes]:
    """What happened to a replica, then what it printed: live while its machine lives, else as it was saved."""
    if tail is None:
        for _, event in await world.store.events(reconciler.service.id, limit=MOST_EVENTS):
            if event.replica_id == replica_id:
                yield f"{_line(event)}\n".encode()
    while (replica := reconciler.replica(replica_id)) is not None and replica.phase in MAY_HOLD_MACHINE:
        instance = replica.instance
        begun = instance is not None and replica.phase is not Phase.PROVISIONING and reconciler.task_begun(replica_id)
        if instance is not None and (begun or replica.phase is Phase.TERMINATING):
            infra = world.fleet.infra(replica.offer.place.infra)
            try:
                async for chunk in live_log(infra, instance, follow=follow, tail=tail):
                    yield chunk
                return
            except Gone:
                break
        if not follow:
            return
        await world.clock.sleep(FOLLOW_SECONDS)
    async for chunk in saved_log(archive_path(world.home, reconciler.service.id, replica_id), tail):
        yield chunk


async def file_log(clock: Clock, path: Path, *, follow: bool, tail: int | None) -> AsyncIterator[bytes]:
    """A file that grows, and may be replaced by a new one of its name while it is followed."""
    async for chunk in saved_log(path, tail):
        yield chunk
    position = await asyncio.to_thread(_size, path)
    while follow:
        await clock.sleep(FOLLOW_SECONDS)
        size = await asyncio.to_thread(_size, path)
        if size < position:
            position = 0
        if size > position:
            data = await asyncio.to_thread(_read, path, position)
            position += len(data)
            yield data


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(path: Path, position: int) -> bytes:
    with path.open("rb") as file:
        file.seek(position)
        return file.read()
