"""A run over time, in equal steps: what plots are made of."""

from collections.abc import Callable
from dataclasses import dataclass

from skyserve.sim.planned.history import History, Moment
from skyserve.sim.planned.outcome import percentile


@dataclass(frozen=True, slots=True)
class Step:
    """Means over one step, from `hour` on."""

    hour: float
    wanted: float
    ready: float
    spot: float
    """Spot replicas that were paid for."""
    on_demand: float
    usd: float
    """What had been paid by the end of the step, from the beginning."""
    waiting: float
    """Requests that waited for a place, or asked in vain."""
    first_byte_p95: float | None
    """Seconds, of the requests that came in the step; None: none was answered."""


def series(history: History, count: int) -> list[Step]:
    """So many steps."""
    width = history.end / count
    paid, found = 0.0, []
    means = {
        "wanted": _means(history, count, lambda m: m.wanted),
        "ready": _means(history, count, lambda m: m.ready),
        "spot": _means(history, count, lambda m: m.spot),
        "on_demand": _means(history, count, lambda m: m.on_demand),
    }
    price = _means(history, count, lambda m: m.usd_an_hour)
    for number in range(count):
        paid += price[number] * width / 3600
        came = history.traffic.came_between(number * width, (number + 1) * width)
        first = sorted(seconds for n in came if (seconds := history.traffic.first[n]) >= 0)
        found.append(
            Step(
                hour=number * width / 3600,
                usd=paid,
                waiting=sum(history.traffic.waited[n] for n in came) / width,  # Little's law, by when they came
                first_byte_p95=percentile(first, 95) if first else None,
                **{name: row[number] for name, row in means.items()},
            )
        )
    return found


def _means(history: History, count: int, value: Callable[[Moment], float]) -> list[float]:
    """Of each of so many steps."""
    width = history.end / count
    sums = [0.0] * count
    for moment, seconds in history.spans():
        at, until = moment.at, moment.at + seconds
        for number in range(int(at / width), min(count, int(until / width) + 1)):
            overlap = min(until, (number + 1) * width) - max(at, number * width)
            sums[number] += max(0.0, overlap) * value(moment)
    return [total / width for total in sums]
