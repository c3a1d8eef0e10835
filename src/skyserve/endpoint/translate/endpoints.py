"""Backends -> ClusterLoadAssignment. Replicas come and go here alone, so that no other resource has to change."""

from skyserve.endpoint.translate.naming import ENDPOINTS, Json, resource_name
from skyserve.model.place import Address
from skyserve.model.route import Backend, RouteTable


def endpoints(table: RouteTable) -> Json:
    """Every backend at equal weight (unequal ones would silently change how Envoy balances)."""
    return {
        "@type": ENDPOINTS,
        "cluster_name": resource_name(table.service_id),
        "endpoints": [{"lb_endpoints": [_endpoint(backend) for backend in sorted(table.backends)]}],
    }


def _endpoint(backend: Backend) -> Json:
    address = backend.address
    return {
        "endpoint": {
            "address": {"socket_address": {"address": address.host, "port_value": address.port}},
            # Health checks say the same Host as the readiness probe: some frameworks refuse names they do not know.
            "health_check_config": {"hostname": _host_header(address)},
        },
        "health_status": "DRAINING" if backend.draining else "HEALTHY",
    }


def _host_header(address: Address) -> str:
    return f"[{address.host}]:{address.port}" if ":" in address.host else str(address)
