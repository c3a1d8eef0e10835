"""What is compared."""

from dataclasses import dataclass

from bench.endpoint.load import Flood, Load, Paced, Streams


@dataclass(frozen=True, slots=True)
class Comparison:
    """One load through all proxies."""

    name: str
    title: str
    load: Load
    replicas: int = 2
    each: str = "request"
    """What is counted."""


def comparisons() -> tuple[Comparison, ...]:
    """All of them."""
    return (
        *(Comparison(f"c{c}", f"Small POST, {c} connections", Flood(c)) for c in (1, 32, 256)),
        *(Comparison(f"rate{r}", f"Small POST, {r:,} a second", Paced(r)) for r in (50, 2000, 3000)),
        *(
            Comparison(f"streams{n}", f"{n} streams of 100 chunks, one each 20 ms", Streams(n), each="chunk")
            for n in (100, 400)
        ),
        *(
            Comparison(f"body{size}", f"POST of {title}, 8 connections", Flood(8, size))
            for size, title in ((1000, "1 KB"), (200_000, "200 KB"), (10_000_000, "10 MB"))
        ),
        Comparison("new", "Small POST, 32 at a time, each on a new connection", Flood(32, kept=False)),
        *(Comparison(f"replicas{n}", f"Small POST, 32 connections, {n} replicas", Flood(32), n) for n in (16, 256)),
    )
