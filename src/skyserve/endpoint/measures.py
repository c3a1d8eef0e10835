"""Envoy's statistics, as it tells them to Prometheus -> what people are shown of a service's requests."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from skyserve.endpoint.admin import Hosts
from skyserve.endpoint.translate.naming import COUNTED_FOR, FIRST_BYTE, resource_name
from skyserve.endpoint.translate.statistics import ANSWERS, BY_REPLICA, DURATION
from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.route import RouteTable
from skyserve.model.traffic import Answers, ReplicaTraffic, ServiceTraffic, Spread

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
_OF_REPLICAS = re.compile(rf"envoy_{BY_REPLICA}_service_(\d+)_({ANSWERS}|{FIRST_BYTE}|{DURATION})")
_REPLICA = rf'{COUNTED_FOR}="(\d*)-?(\d*)"'
_COUNTED = re.compile(_REPLICA)
_ANSWERS = re.compile(rf'\{{{_REPLICA},\w+="(\d*)"\}} (\d+)$', re.MULTILINE)
"""A line: `envoy_replicas_service_1_answers{counted_for="2-1",status="200"} 7`."""
_LINES = len(FIRST_BYTE_BOUNDS) + 3
"""Of a histogram: its bounds, all together, their sum, and all together once more."""


@dataclass(slots=True)
class _Series:
    """All that is counted of one replica while it is of one version, or of requests that came to none."""

    answers: dict[int, int] = field(default_factory=dict)
    spreads: dict[str, Spread] = field(default_factory=lambda: {FIRST_BYTE: Spread(), DURATION: Spread()})

    def told(self) -> tuple[Answers, ...]:
        """Ascending by status."""
        return tuple(Answers(status, count) for status, count in sorted(self.answers.items()))


_ByReplica = defaultdict[tuple[int, int], _Series]
"""By replica and version; 0 and 0 stand for no replica."""


def traffic_of(tables: Mapping[int, RouteTable], text: str, hosts: Hosts, at: float) -> Mapping[int, ServiceTraffic]:
    """By service id, for each of the tables, whose addresses are those that Envoy was told."""
    counters: dict[str, dict[str, Any]] = {}
    series: defaultdict[int, _ByReplica] = defaultdict(lambda: defaultdict(_Series))
    for name, lines in _metrics(text):
        if known := _COUNTERS.get(name):
            for service, value in _OF_SERVICE.findall(lines):
                counters.setdefault(service, {})[known] = int(value)
        elif found := _OF_REPLICAS.fullmatch(name):
            _read(series[int(found[1])], found[2], lines)
    return {
        service_id: ServiceTraffic(
            table.name,
            service_id,
            at,
            **counters.get(resource_name(service_id), {}),
            own=series[service_id][0, 0].told(),
            replicas=_replicas(table, series[service_id], hosts),
        )
        for service_id, table in tables.items()
    }


def _metrics(text: str) -> Iterator[tuple[str, str]]:
    """The name of each metric, and its lines. Of some hundred replicas there are some ten thousand, so that nothing may
    be done to each of them that can be done to all."""
    for section in text.split("# TYPE ")[1:]:
        heading, _, lines = section.partition("\n")
        yield heading.partition(" ")[0], lines


def _read(series: _ByReplica, what: str, lines: str) -> None:
    """One metric of one service's replicas."""
    if what == ANSWERS:
        for replica, version, status, count in _ANSWERS.findall(lines):
            series[int(replica or 0), int(version or 0)].answers[int(status or 0)] = int(count)
        return
    each = lines.splitlines()
    for begin in range(0, len(each), _LINES):
        counted = _COUNTED.search(each[begin])
        assert counted is not None, "each line tells for whom it counts"
        *within, _, milliseconds, count = (line.rpartition(" ")[2] for line in each[begin : begin + _LINES])
        spread = Spread(tuple(map(int, within)), int(count), float(milliseconds) / 1000)
        series[int(counted[1] or 0), int(counted[2] or 0)].spreads[what] = spread


def _replicas(table: RouteTable, series: _ByReplica, hosts: Hosts) -> tuple[ReplicaTraffic, ...]:
    versions: defaultdict[int, dict[int, _Series]] = defaultdict(dict)
    for (replica_id, version), each in series.items():
        versions[replica_id][version] = each
    rows = []
    for backend in sorted(table.backends):
        host = hosts.get((resource_name(table.service_id), backend.address))
        known = {backend.version: _Series()} | versions[backend.replica_id]
        for version, found in sorted(known.items()):
            row = ReplicaTraffic(
                backend.replica_id,
                version,
                answers=found.told(),
                first_byte=found.spreads[FIRST_BYTE],
                duration=found.spreads[DURATION],
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
