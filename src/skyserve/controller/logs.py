"""Logs as users ask for them: what the controller did, and what a replica printed."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

from skyserve.contracts.errors import Gone
from skyserve.controller.archive import LOGGED, archive_path, live_log, saved_log
from skyserve.controller.former_logs import former_logs
from skyserve.controller.growing_file import FOLLOW_SECONDS
from skyserve.controller.reconciler import Reconciler
from skyserve.controller.world import World
from skyserve.model.event import Event
from skyserve.model.replica import Phase, Replica
from skyserve.model.snapshot import Stage
from skyserve.policy.lifecycle import MAY_HOLD_MACHINE

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
    """What happened to a replica, then what it printed: live while its machine lives, else as it was saved. Of one that
    was restarted in place its earlier runs come first; the last lines are the present run's alone."""
    if tail is None:
        for _, event in await world.store.events(reconciler.service.id, limit=MOST_EVENTS):
            if event.replica_id == replica_id:
                yield f"{_line(event)}\n".encode()
        replica = reconciler.replica(replica_id)
        if replica is not None:
            async for chunk in former_logs(world.home, replica):
                yield chunk
    printed = False
    with contextlib.suppress(Gone):
        for stage in LOGGED:
            replica = await _with_stage(world, reconciler, replica_id, stage, follow=follow)
            if replica is None or replica.instance is None:
                break
            infra = world.fleet.infra(replica.offer.place.infra)
            async for chunk in live_log(infra, replica.instance, stage, follow=follow, tail=tail):
                printed = True
                yield chunk
    if not printed:
        async for chunk in saved_log(archive_path(world.home, reconciler.service.id, replica_id), tail):
            yield chunk


async def _with_stage(
    world: World, reconciler: Reconciler, replica_id: int, stage: Stage, *, follow: bool
) -> Replica | None:
    """The replica once the stage has begun, or its end; with `follow` that is waited for. None: it never will."""
    while (replica := reconciler.replica(replica_id)) is not None and replica.phase in MAY_HOLD_MACHINE:
        if reconciler.stage_begun(replica_id, stage) or replica.phase is Phase.TERMINATING:
            return replica
        if not follow:
            return None
        await world.clock.sleep(FOLLOW_SECONDS)
    return None
