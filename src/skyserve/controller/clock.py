"""The time of the real world, for the controller in production."""

import asyncio
import time


class SystemClock:
    """Wall clock and asyncio's sleep. Keeps contracts.clock.Clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds; at once if they are not above zero."""
        await asyncio.sleep(max(0.0, seconds))
