"""How busy one service is, as its endpoint counts it."""

from dataclasses import dataclass

FIRST_BYTE_BOUNDS = tuple(
    step * 10.0**power for power in range(-3, 3) for step in (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8)
)
"""Seconds, ascending: answers are counted by how long their first byte took. Ten to a decade, so that a percentile is
known to about a tenth."""


@dataclass(frozen=True, slots=True)
class Load:
    """Totals since the counting began. They begin anew at 0 when what counts them is started anew; whoever compares
    two readings takes a total that shrank for one that was reset."""

    arrived: int = 0
    """Requests, those too that were refused."""
    refused: int = 0
    """Of those, how many found no replica that could take them."""
    busy_seconds: float = 0.0
    """Requests in flight, summed over time: ten requests of two seconds each make 20."""
    in_flight: int = 0
    """Requests that came and are not answered yet; not a total."""
    first_bytes: tuple[int, ...] = ()
    """For each of FIRST_BYTE_BOUNDS, how many answers began within it, of those that have ended; empty: not known."""
    held: int = 0
    """Of the requests in flight, how many wait because no replica can take them."""
