"""All metrics as one text in Prometheus' format."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from skyserve.controller.metrics.keys import key_metrics
from skyserve.controller.metrics.services import service_metrics
from skyserve.controller.metrics.traffic import traffic_metrics
from skyserve.controller.metrics.waits import wait_metrics
from skyserve.controller.metrics.work import work_metrics
from skyserve.controller.tallies import Tallies
from skyserve.model.traffic import ServiceTraffic
from skyserve.model.view import KeyView, ServiceView


class _Now(Collector):
    """Metrics that are there already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def exposition(
    views: Sequence[ServiceView],
    traffics: Sequence[ServiceTraffic],
    keys: Mapping[str, Sequence[KeyView]],
    tallies: Tallies,
) -> bytes:
    """What is known now. A service whose endpoint does not tell is in `views` alone. `keys`: by name of the service."""
    registry = CollectorRegistry()
    registry.register(
        _Now(
            [
                _build(),
                *service_metrics(views),
                *traffic_metrics(views, traffics),
                *wait_metrics(traffics),
                *key_metrics(keys),
                *work_metrics(tallies),
            ]
        )
    )
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _build() -> Metric:
    build = GaugeMetricFamily("skyserve_build_info", "Which version of SkyServe this is; always 1.", labels=["version"])
    build.add_metric([version("skyserve")], 1)
    return build
