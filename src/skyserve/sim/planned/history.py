"""What happened in a run: what there was when, and what became of each request."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from skyserve.sim.planned.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is from some moment on."""

    at: float
    """Seconds from the beginning."""
    wanted: int
    """Replicas that there should be."""
    ready: int
    spot: int
    """Spot replicas that are paid for."""
    on_demand: int
    usd_an_hour: float


@dataclass(slots=True)
class History:
    """One run from 0 to its end, in seconds."""

    traffic: Traffic
    end: float
    moments: list[Moment] = field(default_factory=list)
    """Ascending; each differs from the one before."""
    launches: int = 0
    refusals: int = 0
    """Of launches, for want of room."""
    taken: int = 0
    """Machines that zones took, or told that they would."""
    passes: int = 0
    """Of the planner."""

    def note(self, moment: Moment) -> None:
        """From now on it is so."""
        self.passes += 1
        if not self.moments or replace(moment, at=self.moments[-1].at) != self.moments[-1]:
            self.moments.append(moment)

    def spans(self) -> Iterator[tuple[Moment, float]]:
        """Each moment and for how many seconds it lasted."""
        edges = [*(moment.at for moment in self.moments), self.end]
        return ((moment, b - a) for moment, (a, b) in zip(self.moments, pairwise(edges), strict=True))

    def total(self, value: Callable[[Moment], float]) -> float:
        """Summed over time, in hours."""
        return sum(value(moment) * seconds for moment, seconds in self.spans()) / 3600
