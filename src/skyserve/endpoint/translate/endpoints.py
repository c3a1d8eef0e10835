"""Backends -> ClusterLoadAssignment. Replicas come and go here alone, so that no other resource has to change."""

from skyserve.endpoint.translate.naming import ENDPOINTS, Json, resource_name
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
            "health_check_config": {"hostname": str(address)},
        },
        "health_status": "DRAINING" if backend.draining else "HEALTHY",
    }
