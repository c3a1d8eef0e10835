"""Fields and spreads of the model, as Prometheus' metrics."""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.traffic import Spread

BOUNDS = tuple(step * 10.0**power for power in range(-3, 3) for step in (1, 2, 5))
"""Seconds: of those that are counted three to a decade, so that a replica is told in as many lines as people read."""


def plain(
    kind: type[CounterMetricFamily | GaugeMetricFamily],
    fields: Mapping[str, tuple[str, str]],
    labels: Sequence[str],
    rows: Sequence[tuple[Sequence[str], object]],
) -> Iterator[Metric]:
    """One metric for each of the fields. `fields`: name -> the field, and its meaning; `rows`: the labels' values, and
    what has the fields."""
    for name, (field, meaning) in fields.items():
        family = kind(name, meaning, labels=labels)
        for words, told in rows:
            family.add_metric(words, getattr(told, field))
        yield family


def add_spread(histogram: HistogramMetricFamily, labels: Sequence[str], spread: Spread) -> None:
    """One more series of the histogram."""
    within = dict(zip(FIRST_BYTE_BOUNDS, spread.within, strict=True))
    buckets = [(f"{bound:g}", within[bound]) for bound in BOUNDS] + [("+Inf", spread.count)]
    histogram.add_metric(labels, buckets, spread.seconds)
