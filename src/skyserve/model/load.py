"""How busy one service is, as its endpoint counts it."""

from dataclasses import dataclass


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
    """Requests being answered now; not a total."""
