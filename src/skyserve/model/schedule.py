"""Hours at which a service has more replicas than its load calls for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that comes again and again, and what holds within it."""

    cron: str
    """Five fields of cron: when it begins, in its time zone."""
    timezone: str
    """A name of the IANA database, such as Europe/Berlin."""
    seconds: float
    """How long it lasts."""
    low: int = 0
    """Fewest replicas, where that is more than otherwise."""
    high: int = 0
    """Most of them, likewise."""
