"""Time, so that the same controller runs in production and on virtual time."""

from typing import Protocol


class Clock(Protocol):
    """The one source of time of everything above the decisions."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of this clock."""
        ...
