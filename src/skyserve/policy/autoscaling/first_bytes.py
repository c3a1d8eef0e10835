"""How long answers took to begin, from counts by bounds."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from skyserve.model.load import FIRST_BYTE_BOUNDS

Counts = tuple[tuple[int, int], ...]
"""(index of the bound, answers that began within it and not within the one before); ascending, none without answers."""


def between(before: Sequence[int], after: Sequence[int]) -> Counts:
    """What came between two readings of totals. Totals that shrank were begun anew; where either reading knows nothing,
    nothing is known of what came."""
    if not before or len(before) != len(after):
        return ()
    if any(later < earlier for earlier, later in zip(before, after, strict=True)):
        before = [0] * len(after)
    within = [later - earlier for earlier, later in zip(before, after, strict=True)]
    alone = [within[0], *(more - less for less, more in pairwise(within))]
    return tuple((index, count) for index, count in enumerate(alone) if count)


def percentile(counts: Iterable[Counts], percent: float) -> float | None:
    """Seconds within which so many of the answers began, those between two bounds taken to lie evenly; None of none."""
    summed: Counter[int] = Counter()
    for index, count in (pair for each in counts for pair in each):
        summed[index] += count
    missing = sum(summed.values()) * percent / 100
    for index in sorted(summed):
        if missing <= summed[index]:
            low = FIRST_BYTE_BOUNDS[index - 1] if index else 0.0
            return low + (FIRST_BYTE_BOUNDS[index] - low) * missing / summed[index]
        missing -= summed[index]
    return None
