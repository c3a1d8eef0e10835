"""A world that outlives its controllers: simulated machines, a real database, a data plane that accepts at once."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from skyserve.controller.controller import Controller
from skyserve.controller.operations import ControllerOperations
from skyserve.infra.simulated.infra import SimulatedInfra
from skyserve.infra.simulated.world import World, Zone
from skyserve.model.home import Home
from skyserve.model.place import Address
from skyserve.sim.database import Database
from skyserve.sim.gate import Gate
from skyserve.sim.plane import DataPlane, InstantRouter, WorldProber
from skyserve.sim.stage import Adapters, Stage
from skyserve.sim.virtual import VirtualClock
from skyserve.spec.parse import parse_task
from skyserve.spec.task import Task
from skyserve.store.content import FileContentStore

SERVICE = """
service:
  readiness_probe: /health
  replicas: 2
resources:
  ports: 8080
workdir: work
setup: prepare
run: serve
"""
PATIENCE_SECONDS = 3600.0
"""Virtual."""


def task(text: str = SERVICE) -> Task:
    """A service with files, setup and run."""
    return parse_task(text, filename="service.yaml")


class Scene:
    """The parts that a controller's death leaves as they are, and controllers over them, one after the other."""

    def __init__(self, folder: Path, zones: tuple[Zone, ...] = (Zone("a"), Zone("b"))) -> None:
        self.folder = folder
        self.clock = VirtualClock()
        self.world = World(self.clock, zones)
        self.plane = DataPlane()
        self.missing: set[str] = set()
        """Paths that no replica knows."""
        (folder / "work").mkdir(exist_ok=True)
        (folder / "work" / "app.py").write_text("print('hello')\n")
        self._home = Home(folder / "sky")
        self._stage: Stage | None = None

    @property
    def stage(self) -> Stage:
        """Where the controller of now is."""
        assert self._stage is not None
        return self._stage

    @property
    def controller(self) -> Controller:
        """The one of now."""
        return self.stage.controller

    @property
    def operations(self) -> ControllerOperations:
        """What its API would do."""
        return self.stage.operations

    @property
    def gate(self) -> Gate:
        """Between it and the world."""
        return self.stage.gate

    async def begin(self, gate: Gate | None = None) -> None:
        """Start a controller over the world as it is."""
        if self._stage is None:
            task = asyncio.current_task()
            assert task is not None
            adapters = Adapters(
                store=Database.open,
                infra=lambda: SimulatedInfra(self.world),
                content=lambda: FileContentStore(self._home.content),
                router=lambda: InstantRouter(self.plane),
                prober=lambda: WorldProber(self._answers, self.missing),
            )
            self._stage = Stage(self._home, self.clock, await Database.make("me"), adapters, {task})
        await self.stage.begin(gate or Gate())

    async def kill(self) -> None:
        """End the controller as kill -9 would: none of its tasks goes on, whatever it was about."""
        await self.stage.kill()

    async def ask(self, request: Callable[[ControllerOperations], Awaitable[object]]) -> None:
        """What a user does: asks, and asks again once there is a controller if it died meanwhile."""
        await self.stage.or_crash(self._told(request))
        if self.gate.closed.is_set():
            await self.revive()
            await self._told(request)

    async def _told(self, request: Callable[[ControllerOperations], Awaitable[object]]) -> None:
        await request(self.operations)

    async def revive(self) -> None:
        """The controller has died: start the next one."""
        await self.kill()
        await self.begin()

    async def until(self, what: Callable[[], bool]) -> None:
        """Let time pass until it holds, with a controller that is started again if it dies."""
        deadline = self.clock.now() + PATIENCE_SECONDS
        while not what():
            if self.gate.closed.is_set():
                await self.revive()
            assert self.clock.now() < deadline, f"never came: {what}"
            await self.clock.sleep(0.5)

    def serving(self) -> list[int]:
        """Replicas of the one service that get traffic and answer it."""
        backends = [b for table in self.plane.tables.values() for b in table.backends if not b.draining]
        return [b.replica_id for b in backends if self._answers(b.address)]

    def routed(self) -> list[int]:
        """Replicas of the one service that get traffic."""
        return [b.replica_id for table in self.plane.tables.values() for b in table.backends if not b.draining]

    def percent(self) -> int | None:
        """Of the one service's requests: so many go to the version on trial."""
        (table,) = self.plane.tables.values()
        return table.canary_percent

    def machine_of(self, replica_id: int) -> str:
        """Instance id."""
        (found,) = [i for i, m in self.world.machines.items() if m.instance.token.endswith(f"-{replica_id}")]
        return found

    def _answers(self, address: Address) -> bool:
        for machine in self.world.machines.values():
            if machine.instance.nodes[0].ip == address.host:
                run = machine.runs.get((0, "run"))
                running = run is not None and run.ended_at() is None and machine.stopped_at is None
                return running and machine.zone.reachable
        return False

    async def end(self) -> None:
        """Stop the controller."""
        await self.kill()
        shutil.rmtree(self._home.root, ignore_errors=True)
