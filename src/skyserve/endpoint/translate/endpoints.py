"""Backends -> ClusterLoadAssignment. Replicas come and go here alone, so that no other resource has to change."""

from skyserve.endpoint.translate.balancing import hash_key
from skyserve.endpoint.translate.naming import ENDPOINTS, METADATA, REPLICA, Json, resource_name
from skyserve.endpoint.translate.replica_key import key_of
from skyserve.endpoint.translate.replica_tls import way_of
from skyserve.endpoint.translate.split import kind, kind_of_room
from skyserve.endpoint.translate.waiting import waiting_endpoint
from skyserve.model.place import Address
from skyserve.model.route import Backend, RouteTable

LEAST_WEIGHT = 100
"""Of the backend that can take least: fine enough for the others' to be told apart when rounded."""
MOST_WEIGHT = 1_000_000
"""Keeps the sum over some thousand backends within the 32 bits that Envoy has for it."""
ANY_WILL_DO = 100_000
"""Percent: one replica of a thousand that works is enough for all requests to go to replicas. By default some would go
to the waiting room as soon as less than 72 % work. Times the number of replicas it must stay within 32 bits."""


def endpoints(table: RouteTable, settled: int = 0) -> Json:
    """Every backend. Weights are told only where they differ: any weight changes how Envoy balances. `settled` means
    nothing, but that Envoy is told something new of the replicas when it changes."""
    backends = sorted(table.backends)
    least = min((b.weight for b in backends), default=1.0)
    alike = all(b.weight == least for b in backends)
    replicas = [_endpoint(b, settled) | ({} if alike else _weight(b.weight / least)) for b in backends]
    return {
        "@type": ENDPOINTS,
        "cluster_name": resource_name(table.service_id),
        "endpoints": [{"lb_endpoints": replicas}, *_waiting_room(table)],
        "policy": {"overprovisioning_factor": ANY_WILL_DO},
    }


def _waiting_room(table: RouteTable) -> list[Json]:
    """Where requests go while no replica works, if they may wait."""
    if not table.settings.hold_seconds:
        return []
    metadata = {"metadata": {"filter_metadata": {METADATA: kind_of_room()}}}
    return [{"lb_endpoints": [waiting_endpoint(table.service_id) | metadata], "priority": 1}]


def _weight(times: float) -> Json:
    """For a backend that can take so many times as much as the least of them.

    With weights Envoy's least request gives backends turns at the rate of weight / (requests in flight + 1). At rest
    in flight * (in flight + 1) is then as the weights, so that the square gives each as many in flight as it can take.
    """
    return {"load_balancing_weight": min(MOST_WEIGHT, round(LEAST_WEIGHT * times**2))}


def _endpoint(backend: Backend, settled: int) -> Json:
    address = backend.address
    return {
        "endpoint": {
            "address": {"socket_address": {"address": address.host, "port_value": address.port}},
            # Health checks say the same Host as the readiness probe: some frameworks refuse names they do not know.
            "health_check_config": {"hostname": host_and_port(address)},
            # What it is called where requests are logged and counted (record.c).
            "hostname": f"{backend.replica_id}-{backend.version}",
        },
        "health_status": "DRAINING" if backend.draining else "HEALTHY",
        "metadata": {
            "filter_metadata": {
                METADATA: kind(backend) | hash_key(backend) | ({"settled": settled} if settled else {}),
                **_identity(backend),
                **key_of(backend),
                **way_of(backend),
            }
        },
    }


def _identity(backend: Backend) -> Json:
    """What traces call it: an address may be another replica's tomorrow."""
    return {REPLICA: {"replica": backend.replica_id, "version": backend.version}}


def host_and_port(address: Address) -> str:
    """As a Host header has it: an IPv6 address in brackets."""
    return f"[{address.host}]:{address.port}" if ":" in address.host else str(address)
