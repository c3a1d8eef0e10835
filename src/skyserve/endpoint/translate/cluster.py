"""Policy and health -> Cluster: how one of the replicas is chosen, and when one is passed over."""

from skyserve.endpoint.translate.balancing import balancing
from skyserve.endpoint.translate.gate import chosen_first
from skyserve.endpoint.translate.naming import ADS, CLUSTER, Json, extension, resource_name, seconds
from skyserve.endpoint.translate.replica_key import headers, key_filters
from skyserve.endpoint.translate.replica_tls import sockets
from skyserve.endpoint.translate.split import by_kind
from skyserve.model.endpoint import Protocol
from skyserve.model.route import RouteTable
from skyserve.model.service import GRPC_HEALTH

CONNECT_SECONDS = 1.5
"""Outlasts one lost SYN (sent again after 1 s), as when a small listen backlog is full for a moment. Longer would hurt
when a machine is cut off: until the first attempt has timed out, new requests keep choosing it."""
IDLE_SECONDS = 1.5
"""Envoy lets go of an idle connection before the server does, or a POST may be sent into a closing one, which must
not be retried. Usual servers: gunicorn 2 s, uvicorn, Node.js and llama.cpp 5 s."""
DEAD_PEER_SECONDS = 20
"""After so long without an acknowledgement a connection is given up: a machine that lost power sends no reset.
A busy server does not count as dead, its kernel acknowledges for it."""
HEALTH_INTERVAL_SECONDS = 3.0
RECHECK_SECONDS = 1.0
"""Between checks of a replica that failed them, so that it is soon back."""
HEALTH_TIMEOUT_SECONDS = 10.0
UNHEALTHY_AFTER = 3
"""Checks in a row. One that is refused fails at once; a server that answers one request at a time may be silent for
almost 40 s before it is passed over."""
FAILURES_BEFORE_EJECTION = 2
"""Connections in a row. Not one, which on an overloaded machine may befall a good replica; and not many: a dead one
has no requests in flight and so is the first choice for each new request, and for each retry."""
EJECTION_SECONDS = 10.0
"""At most: the next health check that passes ends it."""
UNLIMITED = 1_000_000
"""For breakers, whose defaults (1024, and 3 retries) look like random 503s."""
HEADER_KIB = 256
BUFFER_BYTES = 2**20
"""Of HTTP/2, how far one stream may run ahead of its slower end; a connection sixteen times that."""

_SOL_TCP, _TCP_USER_TIMEOUT = 6, 18  # Linux: netinet/in.h, netinet/tcp.h


def cluster(table: RouteTable) -> Json:
    """The service's one cluster."""
    name = resource_name(table.service_id)
    return {
        "@type": CLUSTER,
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": ADS, "service_name": name},
        "connect_timeout": seconds(CONNECT_SECONDS),
        "load_balancing_policy": {"policies": [{"typed_extension_config": chosen_first(by_kind(balancing(table)))}]},
        "common_lb_config": {
            # With the default (50) half the replicas down would mean that dead ones get requests too.
            "healthy_panic_threshold": {"value": 0},
            # By default a change of health waits up to 1 s for others, while requests go to a dead replica.
            "update_merge_window": "0s",
        },
        "health_checks": [_health_check(table)],
        # Told together with the cluster's own count, so that what is in no replica's is known.
        "track_cluster_stats": {"per_endpoint_stats": True},
        # Otherwise a replica that is removed while it is healthy is served on.
        "ignore_health_on_host_removal": True,
        "outlier_detection": _outlier_detection(),
        "circuit_breakers": {"thresholds": [unlimited()]},
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_probes": 3, "keepalive_time": 5, "keepalive_interval": 5}
        },
        "upstream_bind_config": {"socket_options": [_user_timeout()]},
        **sockets(table),
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": extension("upstreams.http.v3.HttpProtocolOptions"),
                "common_http_protocol_options": {
                    "idle_timeout": seconds(IDLE_SECONDS),
                    "max_response_headers_kb": HEADER_KIB,
                    "max_headers_count": 1000,
                },
                # Not the protocol of the client: most model servers speak HTTP/1.1 alone.
                "explicit_http_config": _protocol(table.settings.protocol),
                **key_filters(table),
            }
        },
    }


def _protocol(protocol: Protocol) -> Json:
    if protocol is Protocol.HTTP1:
        return {"http_protocol_options": {}}
    return {
        "http2_protocol_options": {
            "initial_stream_window_size": BUFFER_BYTES,
            "initial_connection_window_size": 16 * BUFFER_BYTES,
        }
    }


def _health_check(table: RouteTable) -> Json:
    """Envoy's own judgement, which holds while the controller is away; less strict than the controller's."""
    check: Json = {
        "timeout": seconds(HEALTH_TIMEOUT_SECONDS),
        "interval": seconds(HEALTH_INTERVAL_SECONDS),
        # Where nothing was ever routed the default is 60 s.
        "no_traffic_interval": seconds(HEALTH_INTERVAL_SECONDS),
        "no_traffic_healthy_interval": seconds(HEALTH_INTERVAL_SECONDS),
        "unhealthy_interval": seconds(RECHECK_SECONDS),
        "unhealthy_edge_interval": seconds(RECHECK_SECONDS),
        "interval_jitter_percent": 10,
        "unhealthy_threshold": UNHEALTHY_AFTER,
        "healthy_threshold": 1,
        # A kept connection would race with the server's keep-alive timeout, and hide that it accepts no new ones.
        "reuse_connection": False,
    }
    if table.health_path is None:
        return check | {"tcp_health_check": {}}
    keys = headers(table)
    if table.health_path == GRPC_HEALTH:
        return check | {"grpc_health_check": {"initial_metadata": keys} if keys else {}}
    return check | {
        "http_health_check": {
            "path": table.health_path,
            "codec_client_type": table.settings.protocol.value.upper(),
            # Redirects are followed by the controller's probe and not by Envoy.
            "expected_statuses": [{"start": 200, "end": 400}],
            # Any other status counts as one failure; by default it would be the last.
            "retriable_statuses": [{"start": 400, "end": 600}],
            "request_headers_to_add": [
                {
                    "header": {"key": "user-agent", "value": "skyserve-health-check"},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                },
                *keys,
            ],
        }
    }


def _outlier_detection() -> Json:
    """Connections that fail pass a replica over for a moment. What it answers is the user's affair."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": FAILURES_BEFORE_EJECTION,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": "0.500s",
        "base_ejection_time": seconds(EJECTION_SECONDS),
        "max_ejection_time": seconds(EJECTION_SECONDS),
        # All but one: a doubtful replica is better than a certain 503.
        "max_ejection_percent": 99,
    }


def unlimited() -> Json:
    """Circuit breakers that never break."""
    return {
        "max_connections": UNLIMITED,
        "max_pending_requests": UNLIMITED,
        "max_requests": UNLIMITED,
        # When a machine dies, all of its requests are retried at once, and each only a few times. A budget, which is
        # a share of the requests in flight, would refuse some of them.
        "max_retries": UNLIMITED,
    }


def _user_timeout() -> Json:
    return {
        "description": "TCP_USER_TIMEOUT: a request that was sent to a machine without power",
        "level": _SOL_TCP,
        "name": _TCP_USER_TIMEOUT,
        "int_value": DEAD_PEER_SECONDS * 1000,
        "state": "STATE_PREBIND",
    }
