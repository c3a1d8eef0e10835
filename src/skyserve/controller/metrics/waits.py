"""Requests that had to wait: how that ended, and how long it took."""

from collections.abc import Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from skyserve.controller.metrics.families import add_spread
from skyserve.model.traffic import ServiceTraffic

ENDS = ("released", "full", "timed_out", "deadline", "hopeless", "gone")
"""How a wait may end: fields of skyserve.model.traffic.Waits, which tell what each means."""


def wait_metrics(traffics: Sequence[ServiceTraffic]) -> list[Metric]:
    """Of all services whose endpoint tells."""
    ended = CounterMetricFamily(
        "skyserve_waits",
        "Requests that could not go to a replica at once, by how their waiting ended.",
        labels=["service", "wait", "end"],
    )
    seconds = HistogramMetricFamily(
        "skyserve_wait_seconds",
        "How long requests waited that could not go to a replica at once, and did in the end.",
        labels=["service", "wait"],
    )
    for traffic in traffics:
        for wait, waits in (("hold", traffic.hold_waits), ("queue", traffic.queue_waits)):
            for end in ENDS:
                ended.add_metric([traffic.service, wait, end], getattr(waits, end))
            add_spread(seconds, [traffic.service, wait], waits.spread)
    return [ended, seconds]
