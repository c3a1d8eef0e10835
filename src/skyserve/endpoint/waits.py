"""How long requests waited, and how that ended: counted where they wait, for people alone."""

from bisect import bisect_left
from collections import Counter
from enum import StrEnum
from itertools import accumulate

from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.traffic import Spread, Waits


class End(StrEnum):
    """Of one wait: the fields of skyserve.model.traffic.Waits."""

    RELEASED = "released"
    FULL = "full"
    TIMED_OUT = "timed_out"
    DEADLINE = "deadline"
    HOPELESS = "hopeless"
    GONE = "gone"


class WaitTally:
    """All waits of one kind for one service that have ended."""

    def __init__(self) -> None:
        self._ends: Counter[End] = Counter()
        self._within = [0] * (len(FIRST_BYTE_BOUNDS) + 1)
        """Of those that were released: how many waited no longer than each bound and longer than the one before."""
        self._seconds = 0.0

    def ended(self, end: End, seconds: float) -> None:
        """One more, after so long."""
        self._ends[end] += 1
        if end is End.RELEASED:
            self._within[bisect_left(FIRST_BYTE_BOUNDS, seconds)] += 1
            self._seconds += seconds

    def told(self) -> Waits:
        """As of now."""
        within = tuple(accumulate(self._within))
        spread = Spread(within[:-1], within[-1], self._seconds)
        return Waits(**{str(end): self._ends[end] for end in End}, spread=spread)
