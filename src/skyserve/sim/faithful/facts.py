"""What invariants may look at: the truth about the world, the books, and for how long something has been so."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field

from skyserve.contracts.clock import Clock
from skyserve.infra.simulated.world import World
from skyserve.model.place import Place
from skyserve.sim.faithful.books import Books
from skyserve.sim.faithful.software import Software
from skyserve.sim.plane import DataPlane


@dataclass(slots=True)
class Facts:
    """One run at this moment."""

    world: World
    plane: DataPlane
    software: Software
    books: Books
    machine_clock: Clock
    """Of the controller's machine."""
    heard: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By zone: when its infra last told what it runs, and when at a moment before that one, in virtual time."""
    unattended: float = 0.0
    """Seconds, all together, in which no controller was at work or something could not be reached."""
    _since: dict[Hashable, float] = field(default_factory=dict)
    _seen: set[Hashable] = field(default_factory=set)

    def lasting(self, what: Hashable) -> float:
        """It holds: for how long it has, without a pause, and with one controller at work all the time."""
        self._seen.add(what)
        return self.loop_now - self._since.setdefault(what, self.loop_now)

    def looked(self) -> None:
        """All invariants were checked: what did not hold begins anew."""
        for what in [what for what in self._since if what not in self._seen]:
            del self._since[what]
        self._seen.clear()

    def controller_died(self) -> None:
        """Nobody was at work."""
        self._since.clear()

    @property
    def machine_now(self) -> float:
        """What the clock of the controller's machine says (seconds since the epoch)."""
        return self.machine_clock.now()

    @property
    def loop_now(self) -> float:
        """Virtual seconds, those not counted in which the controller's machine was suspended."""
        return asyncio.get_running_loop().time()

    def hear(self, zone: str) -> None:
        """Its infra tells the controller what it runs."""
        last, before = self.heard.get(zone, (0.0, 0.0))
        self.heard[zone] = (self.loop_now, last if last < self.loop_now else before)

    def dark_for(self, place: Place) -> float:
        """For how long the controller could not know what the place runs. What is told at this very moment may have
        come after the decision that is judged."""
        last, before = self.heard.get(place.zone, (0.0, 0.0))
        return self.loop_now - (last if last < self.loop_now else before)
