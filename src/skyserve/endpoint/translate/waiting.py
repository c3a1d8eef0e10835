"""The way into the waiting room: where a request goes while its service has no replica that works.

Each service's cluster has, behind its replicas, one endpoint more of a lower priority. It is no socket but a listener
within Envoy, which sends what it gets on to the waiting room, over HTTP/2 whatever protocol the service speaks, and
again and again while the controller is away. So the controller's death neither loses a request that waits, nor costs
it one of its tries, nor has the waiting room ejected like a replica that fails.
"""

from pathlib import Path

from skyserve.endpoint.translate.naming import Json, extension

RELEASE_HEADER = "x-skyserve-release"
"""On an answer of the waiting room: ask again, a replica is there."""
PLACE_HEADER = "x-skyserve-waiting"
"""On a request to it: where Envoy had sent it, `envoy://` LISTENER `/` the id of the service."""
KEEPALIVE_HEADER = "x-skyserve-keepalive"
"""Of a request: how many seconds to leave between two comments that are sent while it waits, a whole number."""
ARRIVAL_HEADER = "x-request-start"
"""On every request, to replicas too: when it arrived, as `t=` seconds since the epoch. Several proxies and monitors
know it by that name."""

STREAMS_A_CONNECTION = 1000
_LISTENER = "waiting"
_CLUSTER = "waiting_room"
_AWAY_RETRIES = 400
_AWAY_PAUSE_SECONDS = 2
"""Longest pause between tries to reach a controller that is away; on average half of it, so that about 400 s go by
until a request that waits is given up."""
_BUFFER_BYTES = 2**14
"""How far a body that nobody reads may run into the room."""
UNLIMITED = 1_000_000
BODY_BYTES = 8 * 2**20
"""Of a longer body a part may be gone from memory, and the request cannot be sent once more."""


def waiting_endpoint(service_id: int) -> Json:
    """The last resort of a service's cluster."""
    return {
        "endpoint": {
            "address": {
                "envoy_internal_address": {"server_listener_name": _LISTENER, "endpoint_id": str(service_id)},
            },
            "health_check_config": {"disable_active_health_check": True},
        }
    }


def waiting_place(service_id: int) -> str:
    """That endpoint, as Envoy writes its address."""
    return f"envoy://{_LISTENER}/{service_id}"


def service_of(place: str) -> int | None:
    """The service that a request waits for, by the header that tells; None: it tells of none."""
    begin, _, service_id = place.rpartition("/")
    return int(service_id) if begin == f"envoy://{_LISTENER}" and service_id.isdigit() else None


def waiting_listener() -> Json:
    """Takes requests from clusters, and has each ask the waiting room until it is answered."""
    manager = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "name": _LISTENER,
        "internal_listener": {},
        "per_connection_buffer_limit_bytes": _BUFFER_BYTES,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": {
                            "@type": extension(manager),
                            "stat_prefix": _LISTENER,
                            "codec_type": "AUTO",
                            "route_config": _routes(),
                            "http_filters": [
                                {
                                    "name": "envoy.filters.http.router",
                                    "typed_config": {
                                        "@type": extension("filters.http.router.v3.Router"),
                                        "suppress_envoy_headers": True,
                                    },
                                }
                            ],
                            "generate_request_id": False,
                            "server_header_transformation": "PASS_THROUGH",
                            "upgrade_configs": [{"upgrade_type": "websocket"}],
                            "max_request_headers_kb": 256,
                            "stream_idle_timeout": "0s",
                            "common_http_protocol_options": {"max_headers_count": 1000},
                            "http2_protocol_options": {"allow_connect": True},
                        },
                    }
                ]
            }
        ],
    }


def _routes() -> Json:
    return {
        "name": _LISTENER,
        "virtual_hosts": [
            {
                "name": _LISTENER,
                "domains": ["*"],
                "request_body_buffer_limit": BODY_BYTES,
                "routes": [
                    {
                        "match": {"prefix": "/"},
                        "route": {
                            "cluster": _CLUSTER,
                            "timeout": "0s",
                            "retry_policy": {
                                # The room does nothing, so nothing is done twice.
                                "retry_on": "connect-failure,refused-stream,reset",
                                "num_retries": _AWAY_RETRIES,
                                "retry_back_off": {
                                    "base_interval": "0.050s",
                                    "max_interval": f"{_AWAY_PAUSE_SECONDS}s",
                                },
                            },
                        },
                    }
                ],
            }
        ],
        "request_headers_to_add": [
            {
                "header": {"key": PLACE_HEADER, "value": "%DOWNSTREAM_LOCAL_ADDRESS%"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
    }


def waiting_cluster(socket: Path) -> Json:
    """The waiting room itself, in the controller."""
    return {
        "name": _CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": _BUFFER_BYTES,
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": UNLIMITED,
                    "max_pending_requests": UNLIMITED,
                    "max_requests": UNLIMITED,
                    "max_retries": UNLIMITED,
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": extension("upstreams.http.v3.HttpProtocolOptions"),
                "explicit_http_config": {
                    "http2_protocol_options": {"max_concurrent_streams": STREAMS_A_CONNECTION, "allow_connect": True}
                },
            }
        },
        "load_assignment": {
            "cluster_name": _CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": str(socket)}}}}]}],
        },
    }
