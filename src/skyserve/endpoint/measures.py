"""Envoy's statistics, as it tells them to Prometheus -> what people are shown of a service's requests."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from skyserve.endpoint.admin import Hosts
from skyserve.endpoint.translate.naming import COUNTED_FOR, FIRST_BYTE, resource_name
from skyserve.endpoint.translate.statistics import ANSWERS, BY_REPLICA, DURATION
from skyserve.model.route import RouteTable
from skyserve.model.traffic import Answers, ReplicaTraffic, ServiceTraffic, Spread

_COUNTERS = {
    "http_downstream_rq_total": "arrived",
    "http_downstream_rq_active": "in_flight",
    "http_downstream_cx_active": "connections",
    "http_downstream_cx_total": "connected",
    "http_downstream_cx_rx_bytes_total": "received_bytes",
    "http_downstream_cx_tx_bytes_total": "sent_bytes",
    "cluster_upstream_cx_none_healthy": "refused",
    "cluster_upstream_rq_retry": "retried",
    "cluster_outlier_detection_ejections_active": "ejected",
    "cluster_outlier_detection_ejections_enforced_total": "ejections",
}
_OF_SERVICE = re.compile(r'^envoy_(\w+)\{envoy_\w+="(service-\d+)"\} (\d+)$', re.MULTILINE)
_OF_REPLICA = re.compile(
    rf"^envoy_{BY_REPLICA}_service_(\d+)_({ANSWERS}|{FIRST_BYTE}|{DURATION})(_bucket|_sum|_count|)"
    rf'\{{{COUNTED_FOR}="(\d*)-?(\d*)"(?:,\w+="([^"]*)")?\}} (\S+)$',
    re.MULTILINE,
)
"""A line: `envoy_replicas_service_1_first_byte_bucket{counted_for="2-1",le="500"} 7`. In milliseconds."""


@dataclass(slots=True)
class _Histogram:
    within: list[int] = field(default_factory=list)
    count: int = 0
    milliseconds: float = 0.0

    def spread(self) -> Spread:
        return Spread(tuple(self.within) or Spread().within, self.count, self.milliseconds / 1000)


@dataclass(slots=True)
class _Series:
    """All that is counted of one replica while it is of one version, or of requests that came to none."""

    answers: dict[int, int] = field(default_factory=dict)
    histograms: dict[str, _Histogram] = field(
        default_factory=lambda: {FIRST_BYTE: _Histogram(), DURATION: _Histogram()}
    )

    def add(self, what: str, part: str, place: str, value: str) -> None:
        """One line of it; those of a histogram come in the order of its bounds. `place`: a bound, or a status."""
        if part == "_bucket":
            if place != "+Inf":
                self.histograms[what].within.append(int(value))
        elif part == "_sum":
            self.histograms[what].milliseconds = float(value)
        elif part == "_count":
            self.histograms[what].count = int(value)
        else:
            self.answers[int(place or 0)] = int(value)

    def told(self) -> tuple[Answers, ...]:
        """Ascending by status."""
        return tuple(Answers(status, count) for status, count in sorted(self.answers.items()))


_ByReplica = dict[int, dict[int, _Series]]
"""By replica, then by version; 0 and 0 stand for no replica."""


def traffic_of(tables: Mapping[int, RouteTable], text: str, hosts: Hosts, at: float) -> Mapping[int, ServiceTraffic]:
    """By service id, for each of the tables, whose addresses are those that Envoy was told."""
    counters: dict[str, dict[str, Any]] = {}
    for name, service, value in _OF_SERVICE.findall(text):
        if name in _COUNTERS:
            counters.setdefault(service, {})[_COUNTERS[name]] = int(value)
    series: dict[int, _ByReplica] = {}
    for service, what, part, replica, version, place, value in _OF_REPLICA.findall(text):
        versions = series.setdefault(int(service), {}).setdefault(int(replica or 0), {})
        found = versions.get(int(version or 0))
        if found is None:
            found = versions[int(version or 0)] = _Series()
        found.add(what, part, place, value)
    return {
        service_id: ServiceTraffic(
            table.name,
            service_id,
            at,
            **counters.get(resource_name(service_id), {}),
            own=series.get(service_id, {}).get(0, {}).get(0, _Series()).told(),
            replicas=_replicas(table, series.get(service_id, {}), hosts),
        )
        for service_id, table in tables.items()
    }


def _replicas(table: RouteTable, series: _ByReplica, hosts: Hosts) -> tuple[ReplicaTraffic, ...]:
    rows = []
    for backend in sorted(table.backends):
        host = hosts.get((resource_name(table.service_id), backend.address))
        versions = {backend.version: _Series()} | series.get(backend.replica_id, {})
        for version, found in sorted(versions.items()):
            first_byte, duration = (found.histograms[name].spread() for name in (FIRST_BYTE, DURATION))
            row = ReplicaTraffic(
                backend.replica_id, version, answers=found.told(), first_byte=first_byte, duration=duration
            )
            if host and version == backend.version:
                row = replace(
                    row,
                    in_flight=host.in_flight,
                    attempts=host.begun,
                    failed=host.errors,
                    ejected=host.ejected,
                )
            rows.append(row)
    return tuple(rows)
