"""Services and their replicas, as `sky serve status` shows them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from skyserve.model.view import COST_NOTHING, ServiceView


def service_metrics(views: Sequence[ServiceView]) -> list[Metric]:
    """Of all services."""
    return [
        _gauge(
            "skyserve_service_info",
            "The wanted version and the status of a service; always 1.",
            ["service", "version", "status"],
            (((view.name, str(view.version), view.status), 1) for view in views),
        ),
        _gauge(
            "skyserve_replicas",
            "Replicas by their version and status.",
            ["service", "version", "status"],
            (entry for view in views for entry in _counted(view)),
        ),
        _gauge(
            "skyserve_replicas_wanted",
            "Replicas that the user or the load calls for.",
            ["service"],
            (((view.name,), view.target_replicas) for view in views),
        ),
        _gauge(
            "skyserve_hourly_cost_usd",
            "Price in USD an hour of the machines that a service has now.",
            ["service"],
            (((view.name,), _cost(view)) for view in views),
        ),
    ]


def _gauge(name: str, meaning: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]) -> Metric:
    gauge = GaugeMetricFamily(name, meaning, labels=labels)
    for words, value in values:
        gauge.add_metric(words, value)
    return gauge


def _counted(view: ServiceView) -> list[tuple[tuple[str, str, str], int]]:
    counted = Counter((view.name, str(replica.version), str(replica.status)) for replica in view.replicas)
    return sorted(counted.items())


def _cost(view: ServiceView) -> float:
    return sum(replica.hourly_usd for replica in view.replicas if replica.status not in COST_NOTHING)
