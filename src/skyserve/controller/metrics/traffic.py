"""Requests, as the endpoint counted them."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from skyserve.controller.metrics.families import add_spread, plain
from skyserve.model.traffic import Answers, ReplicaTraffic, ServiceTraffic
from skyserve.model.view import ServiceView

NONE = "none"
"""The replica and the version of what the endpoint answered itself."""

_SERVICE = ["service"]
_REPLICA = ["service", "replica", "version"]

_COUNTERS = {
    "skyserve_requests_arrived": ("arrived", "Requests that came, those too that no replica saw."),
    "skyserve_requests_without_replica": ("refused", "Requests that no replica could take."),
    "skyserve_retries": ("retried", "Attempts that were repeated; also each request that was held and let go on."),
    "skyserve_ejections": ("ejections", "Times that a replica was passed over, since connections to it failed."),
    "skyserve_client_connections_opened": ("connected", "Connections that clients have made."),
    "skyserve_received_bytes": ("received_bytes", "Bytes that came from clients."),
    "skyserve_sent_bytes": ("sent_bytes", "Bytes that were sent to clients."),
}
"""Name -> the field of ServiceTraffic, and its meaning."""
_GAUGES = {
    "skyserve_requests_in_flight": ("in_flight", "Requests under way, those too that no replica has yet."),
    "skyserve_requests_held": ("held", "Requests that wait, since no replica works."),
    "skyserve_requests_queued": ("queued", "Requests that wait, since replicas take only so many at once."),
    "skyserve_replicas_ejected": ("ejected", "Replicas that are passed over now."),
    "skyserve_client_connections": ("connections", "Connections of clients that are open."),
}
"""Likewise."""
_REPLICA_COUNTERS = {
    "skyserve_replica_attempts": ("attempts", "Requests sent to a replica, those too that were repeated elsewhere."),
    "skyserve_replica_failed_attempts": ("failed", "Of those, how many it failed or answered with 500 or above."),
}
"""Name -> the field of ReplicaTraffic, and its meaning."""
_REPLICA_GAUGES = {
    "skyserve_replica_requests_in_flight": ("in_flight", "Requests that a replica is answering."),
    "skyserve_replica_ejected": ("ejected", "1 while a replica is passed over, since connections to it failed."),
}
"""Likewise."""


def traffic_metrics(views: Sequence[ServiceView], traffics: Sequence[ServiceTraffic]) -> list[Metric]:
    """Of all services; of one whose endpoint does not tell, that alone."""
    told = {traffic.service_id for traffic in traffics}
    up = GaugeMetricFamily(
        "skyserve_endpoint_up", "1 if the endpoint's proxy tells of the service, else 0.", labels=_SERVICE
    )
    for view in views:
        up.add_metric([view.name], view.service_id in told)
    services = [([traffic.service], traffic) for traffic in traffics]
    replicas = [row for traffic in traffics for row in _rows(traffic)]
    return [
        up,
        *plain(CounterMetricFamily, _COUNTERS, _SERVICE, services),
        *plain(GaugeMetricFamily, _GAUGES, _SERVICE, services),
        *plain(CounterMetricFamily, _REPLICA_COUNTERS, _REPLICA, replicas),
        *plain(GaugeMetricFamily, _REPLICA_GAUGES, _REPLICA, replicas),
        *_by_replica(traffics),
    ]


def _by_replica(traffics: Sequence[ServiceTraffic]) -> list[Metric]:
    requests = CounterMetricFamily(
        "skyserve_requests",
        "Requests that have ended, by status and the replica that had the last word; code 0: the client went before.",
        labels=[*_REPLICA, "code"],
    )
    first_byte = HistogramMetricFamily(
        "skyserve_first_byte_seconds",
        "Time from a request's arrival to the first byte of its answer, of answers with a status from 200 to 399.",
        labels=_REPLICA,
    )
    duration = HistogramMetricFamily(
        "skyserve_request_duration_seconds",
        "Time from a request's arrival to the last byte of its answer, of answers with a status from 200 to 399.",
        labels=_REPLICA,
    )
    for traffic in traffics:
        _count(requests, [traffic.service, NONE, NONE], traffic.own)
        for labels, row in _rows(traffic):
            _count(requests, labels, row.answers)
            add_spread(first_byte, labels, row.first_byte)
            add_spread(duration, labels, row.duration)
    return [requests, first_byte, duration]


def _rows(traffic: ServiceTraffic) -> Iterator[tuple[list[str], ReplicaTraffic]]:
    return (([traffic.service, str(row.replica_id), str(row.version)], row) for row in traffic.replicas)


def _count(requests: CounterMetricFamily, labels: Sequence[str], answers: Sequence[Answers]) -> None:
    for each in answers:
        requests.add_metric([*labels, str(each.status)], each.count)
