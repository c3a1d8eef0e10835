"""What one who knows the future would pay: the least cost at which `wanted` replicas are ready all the time.

The linear program of the SpotHedge paper: for each zone z and time t, spot replicas launched L(z,t) <= capacity and
ready R(z,t) <= L(z,t') for all t' in [t - d, t]; the same for on-demand without the capacity; R summed >= wanted from d
on; least sum of L at its price. Without the demand for whole numbers, so it is a lower bound (and they come out whole).
Ticks farther than 2 d from any change of capacity are taken together, since nothing happens there. Solved in stretches
of two days, each of which begins with whatever it likes ready: that too only lowers the bound, by little.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from skyserve.sim.spot.replay import Setting
from skyserve.sim.spot.trace import Trace


@dataclass(slots=True)
class _Program:
    """Rows of `sum(value * x[column]) <= bound`."""

    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    bounds: list[float] = field(default_factory=list)

    def at_most(self, terms: Sequence[tuple[int, float]], bound: float) -> None:
        for column, value in terms:
            self.rows.append(len(self.bounds))
            self.columns.append(column)
            self.values.append(value)
        self.bounds.append(bound)


STRETCH_HOURS = 48.0
"""Solved at once. The time to solve grows faster than the length."""


def omniscient(trace: Trace, setting: Setting) -> float:
    """The least cost, as a share of what `wanted` on-demand replicas cost all the time."""
    cold = ceil(setting.cold_start_seconds / trace.tick_seconds)
    end = trace.samples * trace.ticks_a_sample
    stretch = round(STRETCH_HOURS * 3600 / trace.gap_seconds) * trace.ticks_a_sample
    whole = list(_spans(trace, cold, stretch))
    bill = 0.0
    for start in range(0, end, stretch):
        bill += _least(trace, setting, [s for s in whole if start <= s[0] < start + stretch], cold)
    return bill / (end * setting.wanted * setting.price_ratio)


def _least(trace: Trace, setting: Setting, spans: Sequence[tuple[int, int]], cold: int) -> float:
    """The bill of one stretch."""
    count, kinds = len(spans), len(trace.capacity) + 1
    program = _program(spans, kinds, cold, setting.wanted)
    prices = dict(setting.prices)
    lengths = np.array([stop - start for start, stop in spans], dtype=float)
    price = [*(prices.get(place, 1.0) for place in trace.capacity), setting.price_ratio]
    cost = np.concatenate([*(p * lengths for p in price), np.zeros(kinds * count)])
    samples = [start // trace.ticks_a_sample for start, _ in spans]
    capacity = [float(min(setting.wanted, row[i])) for row in trace.capacity.values() for i in samples]
    limits = [(0.0, most) for most in capacity] + [(0.0, float(setting.wanted))] * (count * (kinds + 1))
    size = (len(program.bounds), 2 * kinds * count)
    matrix = csr_matrix((program.values, (program.rows, program.columns)), shape=size)
    solved = linprog(cost, A_ub=matrix, b_ub=program.bounds, bounds=limits, method="highs")
    if not solved.success:
        raise RuntimeError(f"the linear program was not solved: {solved.message}")
    return float(solved.fun)


def _program(spans: Sequence[tuple[int, int]], kinds: int, cold: int, wanted: int) -> _Program:
    """Columns: launched, kind by kind and span by span, then ready in the same order; on-demand is the last kind."""
    program, count = _Program(), len(spans)
    before = _windows(spans, cold)
    for kind in range(kinds):
        launched, ready = kind * count, (kinds + kind) * count
        for i in range(count):
            for j in before[i]:
                program.at_most([(ready + i, 1.0), (launched + j, -1.0)], 0.0)
    for i, (start, _) in enumerate(spans):
        if start >= cold:
            program.at_most([((kinds + kind) * count + i, -1.0) for kind in range(kinds)], -float(wanted))
    return program


def _spans(trace: Trace, cold: int, stretch: int) -> Iterator[tuple[int, int]]:
    """Cut time into single ticks around changes and whole spells between, and where a stretch begins."""
    end = trace.samples * trace.ticks_a_sample
    rows = list(trace.capacity.values())
    changes = [s * trace.ticks_a_sample for s in range(1, trace.samples) if any(r[s] != r[s - 1] for r in rows)]
    near = {t for c in [0, *changes] for t in range(c - 2 * cold, c + 2 * cold + 1) if 0 <= t < end}
    cuts = sorted(near | {t + 1 for t in near if t + 1 < end} | set(range(0, end, stretch)) | {end})
    return pairwise(cuts)


def _windows(spans: Sequence[tuple[int, int]], cold: int) -> list[range]:
    """For each span, those that reach into the `cold` ticks before it, and itself."""
    found, first = [], 0
    for i, (start, _) in enumerate(spans):
        while spans[first][1] <= start - cold:
            first += 1
        found.append(range(first, i + 1))
    return found
