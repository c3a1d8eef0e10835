"""One run: a storm over a real controller in a simulated world, then calm, then the end of all services; with all
invariants looked at all the time."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from skyserve.infra.simulated.infra import SimulatedInfra
from skyserve.infra.simulated.world import World
from skyserve.model.home import Home
from skyserve.sim.database import Database
from skyserve.sim.faithful.books import Books, Entry, WatchedStore
from skyserve.sim.faithful.clocks import MachineClock, WorldClock
from skyserve.sim.faithful.complaints import Complaints
from skyserve.sim.faithful.facts import Facts
from skyserve.sim.faithful.faults import Fault, Faults
from skyserve.sim.faithful.history import History
from skyserve.sim.faithful.invariants import (
    ALWAYS,
    AT_EACH_TRANSACTION,
    CONVERGENCE_SECONDS,
    DOWN_SECONDS,
    MOMENT,
    all_is_as_it_should_be,
    may_have_given_up,
    money_is_accounted_for,
    nothing_is_left,
)
from skyserve.sim.faithful.people import People
from skyserve.sim.faithful.scenario import Scenario, draw
from skyserve.sim.faithful.software import Software
from skyserve.sim.faithful.storm import Storm
from skyserve.sim.faithful.traffic import Traffic
from skyserve.sim.faithful.weather import Weather
from skyserve.sim.plane import DataPlane, InstantRouter, WorldProber
from skyserve.sim.stage import Adapters, Stage
from skyserve.sim.virtual import run_virtual
from skyserve.store.content import FileContentStore

LOOK_SECONDS = 5.0
"""How often invariants are checked though nothing was changed."""
SETTLED_SECONDS = 30.0
"""All is as it should be once it has been for so long."""
DOWNTIME_SECONDS = 30.0
"""Longest time until a dead controller is started again, as a rule."""
LONG_DOWNTIME_SECONDS = 900.0
"""Longest one in ten."""
CLOCK_SECONDS = 900.0
"""Furthest that a clock is set wrong."""
OWNER = "simulation"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one seed."""

    seed: int
    broken: str
    """The invariant that does not hold, and how; empty: all hold."""
    digest: str
    """Of all that happened."""
    seconds: float
    """Virtual."""
    met: Counter[Fault]
    requests: Counter[str]
    last: tuple[str, ...]
    """What happened last."""


class Run:
    """A world and the controllers in it."""

    def __init__(self, seed: int, database: Database, folder: Path, aloud: bool) -> None:
        random = Random(seed)
        self.scenario: Scenario = draw(random)
        self.clock = WorldClock()
        self.loop = asyncio.get_running_loop()
        self.history = History(self.loop.time, aloud=aloud)
        self.faults = Faults(self.scenario.rates, random)
        self.broken = ""
        self._wrong_by = 0.0
        self._leapt: set[int] = set()
        """Services that there were when the clock was set forward: their deadlines were over before their time."""
        world, plane = World(self.clock, self.scenario.zones), DataPlane()
        software = Software(world, self.faults, random)
        self.books = Books(
            self.clock, self._entered, lambda words: self.fail("the store gives back what was written", words)
        )
        self.facts = Facts(world, plane, software, self.books, self.clock)
        self.storm = Storm(self.facts, self.clock, self.faults, self.history)
        self.traffic = Traffic(self.scenario, plane, software, random)
        home = Home(folder)
        adapters = Adapters(
            store=lambda database: WatchedStore(database.open(), self.books, self.faults),
            infra=lambda: SimulatedInfra(world),
            content=lambda: FileContentStore(home.content),
            router=lambda: InstantRouter(plane),
            prober=lambda: WorldProber(software.answers),
        )
        self.stage = Stage(home, self.clock, database, adapters)
        self.people = People(self.scenario, self.stage, self.books, self.faults, self.history)

    def fail(self, invariant: str, words: str) -> None:
        """Something that must hold does not; the first such thing counts."""
        if not self.broken:
            self.broken = f"{invariant}: {words}"
            self.history.tell(f"BROKEN  {self.broken}")

    def _entered(self, entry: Entry) -> None:
        told = ", ".join(f"{e.kind} {e.replica_id or ''}: {e.reason}" for e in entry.events) or "remembers"
        self.history.tell(f"{entry.book.service.name}: {told}")
        for invariant in AT_EACH_TRANSACTION:
            if words := invariant(entry, self.facts):
                self.fail(invariant.__name__.replace("_", " "), words)

    def _crossed(self, name: str, *, told: bool) -> None:
        if name == "infra.inventory" and told:
            for zone in self.facts.world.zones.values():
                if zone.reachable:
                    self.facts.hear(zone.name)
        elif name in ("infra.launch", "infra.terminate"):
            self.history.tell(name)
            self._look()

    def _look(self) -> None:
        for invariant in ALWAYS:
            if words := invariant(self.facts):
                self.fail(invariant.__name__.replace("_", " "), words)
        self.facts.looked()

    async def start_controller(self) -> None:
        """The first one, or the next one."""
        self.facts.controller_died()
        try:
            await self.stage.begin(Weather(self.faults, self.storm.outages, self._crossed))
        except SQLAlchemyError:
            self.stage.gate.closed.set()  # a controller that cannot read its database ends

    async def _revive(self) -> None:
        self.history.tell(f"the controller dies at {self.stage.gate.name}")
        await self.stage.kill()
        longest = LONG_DOWNTIME_SECONDS if self.faults.random.random() < 0.1 else DOWNTIME_SECONDS
        downtime = self.faults.random.uniform(0, longest)
        self.facts.unattended += downtime
        await asyncio.sleep(downtime)
        before = self._wrong_by
        if self.faults.strikes(Fault.CLOCK_BACK):
            self._wrong_by = self.faults.random.uniform(-CLOCK_SECONDS, 0)
        if self.faults.strikes(Fault.CLOCK_FORWARD):
            self._wrong_by = self.faults.random.uniform(0, CLOCK_SECONDS)
        if self._wrong_by > before:
            self._leapt.update(self.books.open)
        self.stage.clock = self.facts.machine_clock = MachineClock(self.clock, self._wrong_by)
        self.history.tell(f"a controller is started, its clock wrong by {self._wrong_by:.0f} s")
        await self.start_controller()

    async def watch(self, seconds: float, *, until: asyncio.Task[Any] | None = None) -> bool:
        """Let time pass with a controller that is started again whenever it dies, until something breaks, or the task
        ends: then True."""
        end = self.loop.time() + seconds
        while not self.broken and self.loop.time() < end - MOMENT:
            if until is not None and until.done():
                return until.result() is None
            closing = asyncio.ensure_future(self.stage.gate.closed.wait())
            await asyncio.wait([closing], timeout=min(LOOK_SECONDS, end - self.loop.time()))
            closing.cancel()
            if self.stage.gate.closed.is_set():
                await self._revive()
            self._look()
        return False

    async def play(self) -> None:
        """Storm, calm, end."""
        self.stage.outside.add(_this_task())
        await self.start_controller()
        self._begin(self.traffic.flow())
        storm, people = self._begin(self.storm.blow()), self._begin(self.people.live())
        await self.watch(self.scenario.storm_seconds)
        for task in (storm, people):
            await _end(task)
        self.storm.end()
        self.history.tell("calm")
        await self._converge()
        if not self.broken:
            await self._finish()
        if self.broken:
            await self.stage.kill()

    async def _converge(self) -> None:
        await self.watch(CONVERGENCE_SECONDS, until=self._begin(self.people.have_service()))
        deadline, good_since = self.loop.time() + CONVERGENCE_SECONDS, None
        while not self.broken:
            await self.watch(LOOK_SECONDS)
            for book in list(self.books.open.values()):
                await self.people.mend(book)
            words = all_is_as_it_should_be(self.facts)
            if words and self._begin_anew():
                deadline = self.loop.time() + CONVERGENCE_SECONDS
            good_since = None if words else good_since or self.loop.time()
            if good_since is not None and self.loop.time() - good_since >= SETTLED_SECONDS:
                return
            if self.loop.time() > deadline:
                self.fail("all is as it should be", words)

    def _begin_anew(self) -> bool:
        """A service that may have given up for good is begun anew by its user."""
        for service_id, book in list(self.books.open.items()):
            hopeless = book.wanted_version in book.hopeless
            excused = service_id in self._leapt or may_have_given_up(self.facts, service_id)
            if book.service.stopped_reason and not hopeless and excused:
                self.facts.software.failures.pop(service_id, None)
                self._leapt.discard(service_id)
                self._begin(self.people.begin_anew(book.service.name))
                return True
        return False

    async def _finish(self) -> None:
        await self.watch(DOWN_SECONDS, until=self._begin(self.people.have_none()))
        end = self.loop.time() + DOWN_SECONDS
        while (words := nothing_is_left(self.facts)) and not self.broken:
            await self.watch(1.0)
            if self.loop.time() > end:
                self.fail("nothing is left", words)
        if words := money_is_accounted_for(self.facts):
            self.fail("money is accounted for", words)

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self.stage.outside.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.stage.outside.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.fail("users are told what is wrong, in words", f"{type(error).__name__}: {error}")


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _simulate(seed: int, folder: Path, aloud: bool) -> Outcome:
    run = Run(seed, await Database.make(OWNER), folder, aloud)
    loop = asyncio.get_running_loop()

    def complain(words: str) -> None:
        run.fail("the controller makes no errors of its own", words)

    loop.set_exception_handler(lambda _, context: complain(", ".join(map(repr, context.values()))))
    with Complaints(complain):
        await run.play()
    return Outcome(
        seed, run.broken, run.history.digest, loop.time(), run.faults.met, run.traffic.count, tuple(run.history.last)
    )


def simulate(seed: int, *, aloud: bool = False) -> Outcome:
    """One run from beginning to end. `aloud`: print all that happens."""
    with tempfile.TemporaryDirectory(prefix="skyserve-simulation-") as folder:
        return run_virtual(_simulate(seed, Path(folder), aloud))
