"""A world that outlives its controllers: simulated machines, a real database, a data plane that accepts at once."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from skyserve.controller.controller import Controller
from skyserve.controller.fleet import Fleet
from skyserve.controller.operations import ControllerOperations
from skyserve.controller.world import World as ControllerWorld
from skyserve.infra.simulated.infra import SimulatedInfra
from skyserve.infra.simulated.world import World, Zone
from skyserve.model.home import Home
from skyserve.model.place import Address
from skyserve.spec.parse import parse_task
from skyserve.spec.task import Task
from skyserve.store.content import FileContentStore
from skyserve.store.opening import open_store
from tests.controller.crashing import Fragile, Gate
from tests.controller.fakes import DataPlane, InstantRouter, WorldProber
from tests.virtual import Patient, VirtualClock, VirtualLoop

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
        self.gate = Gate()
        self.controller: Controller
        self.operations: ControllerOperations
        (folder / "work").mkdir(exist_ok=True)
        (folder / "work" / "app.py").write_text("print('hello')\n")
        self._home = Home(folder / "sky")
        self._main = asyncio.current_task()

    async def begin(self, gate: Gate | None = None) -> None:
        """Start a controller over the world as it is."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        with loop.real_work():
            store = Patient(await open_store(self._home.database))
        self.gate = gate or Gate()
        behind = {
            "store": store,
            "content": Patient(FileContentStore(self._home.content)),
            "router": InstantRouter(self.plane),
            "prober": WorldProber(self._answers),
        }
        self._store = store
        infra = Fragile(SimulatedInfra(self.world), self.gate)
        owner = await store.owner()
        fleet = Fleet(lambda: [infra], owner, self.clock)
        world = ControllerWorld(
            home=self._home,
            fleet=fleet,
            clock=self.clock,
            owner=owner,
            user="me",
            **{name: Fragile(part, self.gate) for name, part in behind.items()},
        )
        self.controller = Controller(world)
        self.operations = ControllerOperations(self.controller)
        await self._or_crash(self.controller.start())

    async def _or_crash(self, work: Awaitable[None]) -> None:
        """Let the work end, or the gate close over it."""
        doing = asyncio.ensure_future(work)
        closing = asyncio.ensure_future(self.gate.closed.wait())
        await asyncio.wait((doing, closing), return_when=asyncio.FIRST_COMPLETED)
        closing.cancel()
        if doing.done():
            await doing

    async def kill(self) -> None:
        """End the controller as kill -9 would: none of its tasks goes on, whatever it was about."""
        self.gate.closed.set()
        tasks = [t for t in asyncio.all_tasks() if t is not self._main]
        for running in tasks:
            running.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._store.close()

    async def ask(self, request: Callable[[ControllerOperations], Awaitable[object]]) -> None:
        """What a user does: asks, and asks again once there is a controller if it died meanwhile."""
        await self._or_crash(self._told(request))
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
