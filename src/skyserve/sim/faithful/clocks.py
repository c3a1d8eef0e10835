"""Two clocks: the world's, and that of the controller's machine, which people and time servers set."""

import asyncio

from skyserve.sim.virtual import VirtualClock


class WorldClock(VirtualClock):
    """The true time. It may pass without any timer of the controller's machine firing, as while that is suspended."""

    def __init__(self) -> None:
        super().__init__()
        self._slept = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return super().now() + self._slept

    def sleep_through(self, seconds: float) -> None:
        """The controller's machine was suspended for so long."""
        self._slept += seconds


class MachineClock:
    """The clock of one controller: as wrong as its machine's was when it started, and steady from then on, which
    skyserve.controller.clock sees to. Keeps contracts.clock.Clock."""

    def __init__(self, world: WorldClock, wrong_by: float) -> None:
        self._world = world
        self._wrong_by = wrong_by

    def now(self) -> float:
        """Seconds since the epoch, as this machine has it."""
        return self._world.now() + self._wrong_by

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds awake."""
        await asyncio.sleep(max(0.0, seconds))
