"""What Envoy does to each request, in order: the table of contents of the listener's HTTP filters.

A listener never changes while its service lives, so each filter stands here for every service, and the route
configuration says what it does for one.
"""

from skyserve.endpoint.translate import limits
from skyserve.endpoint.translate.affinity import prefix_filter
from skyserve.endpoint.translate.gate import gate_filter
from skyserve.endpoint.translate.keys import key_filter
from skyserve.endpoint.translate.naming import Json, extension
from skyserve.endpoint.translate.rates import rate_filter


def http_filters(service: str) -> list[Json]:
    """From the client to the replica; the last one chooses the replica. `service`: its resource name."""
    return [
        key_filter(),
        rate_filter(service),
        limits.body_filter(),
        prefix_filter(),
        gate_filter(),
        _router(),
    ]


def _router() -> Json:
    return {
        "name": "envoy.filters.http.router",
        # Replicas' answers pass as they are.
        "typed_config": {"@type": extension("filters.http.router.v3.Router"), "suppress_envoy_headers": True},
    }
