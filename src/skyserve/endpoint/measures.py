"""Envoy's statistics, as it tells them to Prometheus, and what is counted by replica -> what people are shown of a
service's requests."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from skyserve.endpoint.admin import Hosts
from skyserve.endpoint.tally import ByReplica, Series
from skyserve.endpoint.translate.naming import resource_name
from skyserve.model.route import RouteTable
from skyserve.model.traffic import ReplicaTraffic, ServiceTraffic

_COUNTERS = {
    "envoy_http_downstream_rq_total": "arrived",
    "envoy_http_downstream_rq_active": "in_flight",
    "envoy_http_downstream_cx_active": "connections",
    "envoy_http_downstream_cx_total": "connected",
    "envoy_http_downstream_cx_rx_bytes_total": "received_bytes",
    "envoy_http_downstream_cx_tx_bytes_total": "sent_bytes",
    "envoy_cluster_upstream_cx_none_healthy": "refused",
    "envoy_cluster_upstream_rq_retry": "retried",
    "envoy_cluster_outlier_detection_ejections_active": "ejected",
    "envoy_cluster_outlier_detection_ejections_enforced_total": "ejections",
}
_OF_SERVICE = re.compile(r'="(service-\d+)"\} (\d+)$', re.MULTILINE)


def traffic_of(
    tables: Mapping[int, RouteTable], text: str, series: Mapping[int, ByReplica], hosts: Hosts, at: float
) -> Mapping[int, ServiceTraffic]:
    """By service id, for each of the tables, whose addresses are those that Envoy was told. `series`: of each."""
    counters: dict[str, dict[str, Any]] = {}
    for name, lines in _metrics(text):
        if known := _COUNTERS.get(name):
            for service, value in _OF_SERVICE.findall(lines):
                counters.setdefault(service, {})[known] = int(value)
    return {
        service_id: ServiceTraffic(
            table.name,
            service_id,
            at,
            **counters.get(resource_name(service_id), {}),
            own=series[service_id].get((0, 0), Series()).answers(),
            replicas=_replicas(table, series[service_id], hosts),
        )
        for service_id, table in tables.items()
    }


def _metrics(text: str) -> Iterator[tuple[str, str]]:
    """The name of each metric, and its lines."""
    for section in text.split("# TYPE ")[1:]:
        heading, _, lines = section.partition("\n")
        yield heading.partition(" ")[0], lines


def _replicas(table: RouteTable, series: ByReplica, hosts: Hosts) -> tuple[ReplicaTraffic, ...]:
    versions: defaultdict[int, dict[int, Series]] = defaultdict(dict)
    for (replica_id, version), each in series.items():
        versions[replica_id][version] = each
    rows = []
    for backend in sorted(table.backends):
        host = hosts.get((resource_name(table.service_id), backend.address))
        known = {backend.version: Series()} | versions[backend.replica_id]
        for version, found in sorted(known.items()):
            row = ReplicaTraffic(
                backend.replica_id,
                version,
                answers=found.answers(),
                first_byte=found.first_byte,
                duration=found.duration,
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
