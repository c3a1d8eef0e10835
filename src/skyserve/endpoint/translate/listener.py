"""A port -> Listener. Depends on what never changes while the service lives: a changed listener drains, and cuts
the connections it holds. All that may change is in routes, cluster and endpoints."""

from pathlib import Path

from skyserve.endpoint.translate.filters import http_filters
from skyserve.endpoint.translate.local_reply import local_reply
from skyserve.endpoint.translate.naming import ADS, FIRST_BYTE, LISTENER, Json, extension, resource_name
from skyserve.model.route import RouteTable

BUFFER_BYTES = 2**20
"""How far a connection may run ahead of its slower end."""
HEADER_KIB = 256

_MANAGER = "filters.network.http_connection_manager.v3.HttpConnectionManager"

ACCESS_LOG_FIELDS = {
    "time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "replica": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "first_byte_ms": "%RESPONSE_DURATION%",
    "duration_ms": "%DURATION%",
    "received_bytes": "%BYTES_RECEIVED%",
    "sent_bytes": "%BYTES_SENT%",
}
"""One JSON object a request. No header but the request's id, no query: those hold keys."""


def listener(table: RouteTable, *, host: str, access_log: Path) -> Json:
    """`host`: the IP address to bind."""
    name = resource_name(table.service_id)
    return {
        "@type": LISTENER,
        "name": name,
        "address": {"socket_address": {"address": host, "port_value": table.port}},
        # With reuse_port a second Envoy of the same user could bind the port too and get half the connections.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(table, name, access_log),
                    }
                ]
            }
        ],
    }


def _connection_manager(table: RouteTable, name: str, access_log: Path) -> Json:
    return {
        "@type": extension(_MANAGER),
        "stat_prefix": name,
        "codec_type": "AUTO",
        "rds": {"config_source": ADS, "route_config_name": name},
        "http_filters": http_filters(),
        "server_header_transformation": "PASS_THROUGH",
        "use_remote_address": True,
        # Nobody is internal: a client's x-envoy-* headers must not steer retries and timeouts. An empty list would
        # mean the default, private addresses.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "0.0.0.0", "prefix_len": 32}]},
        **_request_id(),
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "max_request_headers_kb": HEADER_KIB,
        # 0: the route's idle_timeout decides, which can change without the listener.
        "stream_idle_timeout": "0s",
        "request_timeout": "0s",
        "request_headers_timeout": "60s",
        "common_http_protocol_options": {"idle_timeout": "900s", "max_headers_count": 1000},
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": table.name},
        "http2_protocol_options": {
            "allow_connect": True,
            "max_concurrent_streams": 1000,
            "initial_stream_window_size": BUFFER_BYTES,
            "initial_connection_window_size": 16 * BUFFER_BYTES,
        },
        "access_log": [
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": extension("access_loggers.file.v3.FileAccessLog"),
                    "path": str(access_log),
                    "log_format": {"json_format": ACCESS_LOG_FIELDS},
                },
            },
            _first_bytes(name),
        ],
        "local_reply_config": local_reply(table.name),
    }


def _first_bytes(name: str) -> Json:
    """Counts answers by the time to their first byte, once they have ended. An error counts for nothing: that it came
    fast tells no good."""
    return {
        "name": "envoy.access_loggers.stats",
        "filter": {"and_filter": {"filters": [_status("GE", 200), _status("LE", 499)]}},
        "typed_config": {
            "@type": extension("access_loggers.stats.v3.Config"),
            # Its successor, stats_scope, is not among the messages that are packaged for Python.
            "stat_prefix": name,
            "histograms": [
                {"stat": {"name": FIRST_BYTE}, "unit": "Milliseconds", "value_format": "%RESPONSE_DURATION%"}
            ],
        },
    }


def _status(comparison: str, status: int) -> Json:
    value = {"default_value": status, "runtime_key": f"skyserve.first_byte.{comparison.lower()}"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def _request_id() -> Json:
    """Every request has one, and a client's own is kept to the letter."""
    return {
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "request_id_extension": {
            "typed_config": {
                "@type": extension("request_id.uuid.v3.UuidRequestIdConfig"),
                "pack_trace_reason": False,
            }
        },
    }
