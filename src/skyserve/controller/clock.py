"""The time of the real world, for the controller in production."""

import asyncio
import time


class SystemClock:
    """The wall clock as it was when we started, from then on unmoved by whoever sets it: a deadline must not pass, nor
    recede, because the machine's time was corrected. Time asleep counts. Keeps contracts.clock.Clock."""

    def __init__(self) -> None:
        self._booted_at = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._booted_at + time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds; at once if they are not above zero."""
        await asyncio.sleep(max(0.0, seconds))
