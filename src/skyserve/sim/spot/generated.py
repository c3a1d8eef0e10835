"""Spot markets made from a seed: for tests, where there are no measured traces, and to try a policy on the unseen.

Each zone has a character of its own: how long it gives machines and how long it does not, both of many short and few
long stretches, as measurements show them. Now and then a whole region runs dry. Some zones give only a few machines.
"""

import math
from random import Random

from skyserve.model.place import Place
from skyserve.sim.spot.trace import UNLIMITED, Trace

GAP_SECONDS = 300.0
"""Between two samples, as most measurements have it."""
SHAPE = 0.6
"""Of the Weibull distribution of stretches: below 1, so that what began lately ends soon, and what lasts goes on."""
UP_HOURS = (2.0, 40.0)
DOWN_HOURS = (0.5, 12.0)
"""Between these, evenly in the logarithm, lie the means of zones; those measured on V100 machines lie there."""
DROUGHT_EVERY_HOURS = 48.0
DROUGHT_HOURS = 1.5
DROUGHT_REACH = 0.7
"""How often a region runs dry, for how long on average, and the chance of each of its zones to take part."""
SCARCE = 0.25
"""Share of zones that give only a few machines."""


def generate(seed: int, *, days: float = 14.0, regions: int = 2, zones: int = 2) -> Trace:
    """So many zones in each of so many regions. The same arguments give the same trace."""
    chance = Random(seed)
    samples = max(1, round(days * 86_400 / GAP_SECONDS))
    capacity: dict[Place, tuple[int, ...]] = {}
    for r in range(regions):
        droughts = _droughts(chance, samples)
        for z in range(zones):
            region = f"region-{r + 1}"
            place = Place("simulated", region, f"{region}{chr(ord('a') + z)}")
            row = _zone(chance, samples)
            for start, stop in droughts:
                if chance.random() < DROUGHT_REACH:
                    row[start:stop] = [0] * (min(stop, samples) - start)
            capacity[place] = tuple(row)
    return Trace(GAP_SECONDS, capacity)


def _zone(chance: Random, samples: int) -> list[int]:
    mean = {True: _log_uniform(chance, UP_HOURS), False: _log_uniform(chance, DOWN_HOURS)}
    most = chance.randint(1, 4) if chance.random() < SCARCE else UNLIMITED
    row: list[int] = []
    up = chance.random() < mean[True] / (mean[True] + mean[False])
    while len(row) < samples:
        row += [most if up else 0] * _stretch(chance, mean[up] * 3600)
        up = not up
    return row[:samples]


def _droughts(chance: Random, samples: int) -> list[tuple[int, int]]:
    found, at = [], 0
    while (at := at + max(1, round(chance.expovariate(GAP_SECONDS / 3600 / DROUGHT_EVERY_HOURS)))) < samples:
        found.append((at, at + max(1, round(chance.expovariate(GAP_SECONDS / 3600 / DROUGHT_HOURS)))))
    return found


def _stretch(chance: Random, mean_seconds: float) -> int:
    scale = mean_seconds / math.gamma(1 + 1 / SHAPE)
    return max(1, round(chance.weibullvariate(scale, SHAPE) / GAP_SECONDS))


def _log_uniform(chance: Random, between: tuple[float, float]) -> float:
    return math.exp(chance.uniform(math.log(between[0]), math.log(between[1])))
