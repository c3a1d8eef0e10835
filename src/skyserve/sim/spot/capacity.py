"""How many machines one zone gives over time, as steps."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capacity:
    """The moments at which it changes, ascending from 0, in ticks or seconds, and what it is from then on."""

    at: tuple[float, ...]
    value: tuple[int, ...]

    @classmethod
    def of(cls, row: Sequence[int], gap: float) -> "Capacity":
        """From samples that are `gap` apart."""
        steps = [(n * gap, value) for n, value in enumerate(row) if n == 0 or row[n - 1] != value]
        return cls(tuple(at for at, _ in steps), tuple(value for _, value in steps))

    def now(self, moment: float) -> int:
        """At that moment."""
        return self.value[bisect_right(self.at, moment) - 1]

    def least(self, moment: float, until: float) -> int:
        """The least from that moment up to another, both included."""
        return min(self.value[bisect_right(self.at, moment) - 1 : bisect_right(self.at, until)])

    def below_at(self, count: int, moment: float, until: float) -> float | None:
        """When within that time it is first less than `count`; None: never."""
        first, last = bisect_right(self.at, moment) - 1, bisect_right(self.at, until)
        return next((max(moment, self.at[n]) for n in range(first, last) if self.value[n] < count), None)
