"""Controllers over one simulated installation, one after the other: each takes over what the death of the one before
left as it was."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from skyserve.contracts.clock import Clock
from skyserve.contracts.content import ContentStore
from skyserve.contracts.infra import Infra
from skyserve.contracts.prober import Prober
from skyserve.contracts.router import Router
from skyserve.contracts.store import Store
from skyserve.controller.certificates import Certificates
from skyserve.controller.controller import Controller
from skyserve.controller.fleet import Fleet
from skyserve.controller.operations import ControllerOperations
from skyserve.controller.world import World
from skyserve.model.home import Home
from skyserve.sim.database import Database
from skyserve.sim.gate import Fragile, Gate

TURNS = 20
"""So many turns of the event loop after a controller died, the database has done what it was asked before."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """How each controller gets what lies between it and the world, new for each of them."""

    store: Callable[[Database], Store]
    infra: Callable[[], Infra]
    content: Callable[[], ContentStore]
    router: Callable[[], Router]
    prober: Callable[[], Prober]


@dataclass(slots=True)
class Stage:
    """What stays, and the controller of now. Made by a task that is none of the controller's."""

    home: Home
    clock: Clock
    database: Database
    adapters: Adapters
    outside: set[asyncio.Task[Any]] = field(default_factory=set)
    """Tasks that a controller's death does not end."""
    gate: Gate = field(init=False)
    controller: Controller = field(init=False)
    operations: ControllerOperations = field(init=False)

    async def begin(self, gate: Gate) -> None:
        """Start a controller over the world as it is. Returns when it has started, or died of that."""
        self.gate = gate
        infra = Fragile(self.adapters.infra(), gate, "infra")
        store = Fragile(self.adapters.store(self.database), gate, "store")
        owner = await self.database.open().owner()
        world = World(
            home=self.home,
            store=store,
            content=Fragile(self.adapters.content(), gate, "content"),
            fleet=Fleet(lambda: [infra], owner, self.clock),
            router=Fragile(self.adapters.router(), gate, "router"),
            prober=Fragile(self.adapters.prober(), gate, "prober"),
            certificates=Certificates(self.home.certificates, self.clock),
            clock=self.clock,
            owner=owner,
            user="me",
        )
        self.controller = Controller(world)
        self.operations = ControllerOperations(self.controller)
        await self.or_crash(self.controller.start())

    async def or_crash(self, work: Awaitable[object]) -> None:
        """Let the work end, or the gate close over it."""
        doing = asyncio.ensure_future(work)
        closing = asyncio.ensure_future(self.gate.closed.wait())
        try:
            await asyncio.wait((doing, closing), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            doing.cancel()  # whoever asked has gone
            raise
        finally:
            closing.cancel()
        if doing.done() and not (self.gate.closed.is_set() and doing.cancelled()):
            await doing

    async def kill(self) -> None:
        """End the controller as kill -9 would: none of its tasks goes on, whatever it was about."""
        self.gate.closed.set()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        while tasks := asyncio.all_tasks() - self.outside:  # some begin others when they are cancelled
            for running in tasks:
                running.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
