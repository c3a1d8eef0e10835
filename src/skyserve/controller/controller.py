"""The controller of one installation: the loop of every service, in one process."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from skyserve.contracts.errors import Superseded
from skyserve.contracts.store import Record
from skyserve.controller.actions import Actions
from skyserve.controller.moving_times import ahead, moved_back
from skyserve.controller.reconciler import Reconciler
from skyserve.controller.world import World
from skyserve.model.resources import Offer
from skyserve.policy.draft import Draft
from skyserve.policy.routing import route_table

log = logging.getLogger(__name__)

RESTART_SECONDS = 5.0
"""Pause before a loop that failed unexpectedly is begun again."""


class Controller:
    """Adopts what the last controller left, runs a loop for each service, and reclaims what belongs to none."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.empty_since: float | None = None
        """Since when there is no service; None while there is one."""
        self._reconcilers: dict[int, Reconciler] = {}
        self._loops: set[asyncio.Task[None]] = set()
        self._strays = Actions(world, lambda: None)

    @property
    def reconcilers(self) -> list[Reconciler]:
        """The loops, ascending by the names of their services."""
        return sorted(self._reconcilers.values(), key=lambda r: r.service.name)

    async def start(self) -> None:
        """Take over what the last controller left, wherever it stopped."""
        for service in await self.world.store.services():
            await self.adopt(service.id, run=False)
        tables = [route_table(Draft(r.snapshot())) for r in self.reconcilers]
        await self.world.router.start([await self.world.certificates.certified(table) for table in tables])
        await self._collect_content()
        self.world.fleet.on_news(self._on_fleet_news)
        self.world.router.on_held(self._on_held)
        self._loop("fleet", self.world.fleet.watch)
        for reconciler in self.reconcilers:
            self._loop(reconciler.service.name, reconciler.run)
        self._note_empty()

    async def adopt(self, service_id: int, *, offers: Sequence[Offer] = (), run: bool = True) -> Reconciler:
        """Begin to look after a service that the store has. `offers`: known already. Raises KeyError."""
        record = await self._load(service_id)
        if service_id in self._reconcilers:  # it was found meanwhile
            return self._reconcilers[service_id]
        reconciler = Reconciler(self.world, record, self._finished, self._files_let_go, offers)
        self._reconcilers[service_id] = reconciler
        self._note_empty()
        if run:
            self._loop(reconciler.service.name, reconciler.run)
        return reconciler

    async def _load(self, service_id: int) -> Record:
        """As the store has it, with no time that lies ahead. Raises KeyError."""
        store, clock = self.world.store, self.world.clock
        while (record := await store.load(service_id)) is not None:
            seconds = ahead(record, clock.now())
            if not seconds:
                return record
            log.warning("the clock was set back by %.0f s: the times of %s follow", seconds, record.service.name)
            with contextlib.suppress(Superseded):
                await store.commit(service_id, record.service.generation, moved_back(record, seconds))
        raise KeyError(service_id)

    def find_services(self) -> None:
        """Look after services too that were recorded though we were not told: the reply was lost, or who asked went
        away before it came."""
        self._loop("services to be found", self._adopt_strangers)

    async def _adopt_strangers(self) -> None:
        for service in await self.world.store.services():
            if service.id not in self._reconcilers:
                await self.adopt(service.id)

    def _loop(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._supervise(name, run))
        self._loops.add(task)
        task.add_done_callback(self._loops.discard)

    async def _supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """A loop that fails says so and is begun again: one service's trouble is not another's."""
        while True:
            try:
                return await run()
            except Exception:  # the one place that catches everything: it is logged whole, and nothing is skipped
                self.world.tallies.errors += 1
                log.exception("the loop of %s failed; it begins again in %g s", name, RESTART_SECONDS)
                await self.world.clock.sleep(RESTART_SECONDS)

    def _on_fleet_news(self) -> None:
        for reconciler in self.reconcilers:
            reconciler.wake()
        for instance in self.world.fleet.all_instances():
            service_id = instance.token.partition("-")[0]
            known = service_id.isdigit() and int(service_id) in self._reconcilers
            if not known and not self._strays.reclaiming(instance):
                log.warning("%s at %s belongs to no service: it is terminated", instance.id, instance.place)
                self._strays.reclaim(instance)

    def _on_held(self, service_id: int) -> None:
        if service_id in self._reconcilers:
            self._reconcilers[service_id].wake()

    def _finished(self, service_id: int) -> None:
        reconciler = self._reconcilers.pop(service_id, None)
        if reconciler is not None:
            self._loop(f"the end of {reconciler.service.name}", reconciler.close)
            self._files_let_go()
        self._note_empty()

    def _files_let_go(self) -> None:
        self._loop("content", self._collect_content)

    async def _collect_content(self) -> None:
        """Keep the files of versions that exist, and no others."""
        await self.world.content.collect(await self.world.store.live_trees())

    def _note_empty(self) -> None:
        self.empty_since = None if self._reconcilers else self.world.clock.now()

    async def close(self) -> None:
        """Stop looking after services. Replicas and traffic go on; the next controller takes over."""
        for task in list(self._loops):
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await asyncio.gather(*(r.close() for r in self.reconcilers), self._strays.close())
