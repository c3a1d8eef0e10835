"""What a client may ask for, and how slowly: sizes, times, and what is no valid request.

The sizes and times of a connection are the same for every service, since the listener that holds them never changes.
Only the size of a body is a service's own, and stands in its routes.
"""

from skyserve.endpoint.translate.naming import Json, extension, seconds, struct
from skyserve.model.route import RouteTable

HEADER_KIB = 128
"""Of all headers of a request; more is answered 431. Keys, cookies and traces of proxies need a few KiB."""
HEADERS = 200
HEADERS_SECONDS = 10.0
"""From the first byte of a request to the end of its headers: who sends them a byte at a time is answered 408."""
BODY_SECONDS = 3600.0
"""From the headers to the end of the body, unless an answer has begun. Longer than any upload that is meant, and than a
request waits at the endpoint by default; bounds what a client costs that sends a byte now and then."""
IDLE_SECONDS = 900.0
"""How long a connection without a request is kept."""
SLOW_READER_SECONDS = 300.0
"""How long a client may take no byte of what is sent to it, or be gone without a word."""
STREAMS = 1000
"""Requests at a time on one connection of HTTP/2."""
BUFFER_BYTES = 2**20
"""How far a connection may run ahead of its slower end."""

_FILTER = "envoy.filters.http.filter_chain"
_SOL_SOCKET, _SO_KEEPALIVE = 1, 9  # Linux: asm-generic/socket.h
_SOL_TCP, _TCP_USER_TIMEOUT, _TCP_KEEPIDLE, _TCP_KEEPINTVL = 6, 18, 4, 5  # Linux: netinet/in.h, netinet/tcp.h


def of_requests(service: str) -> Json:
    """Fields of the connection manager."""
    return {
        "max_request_headers_kb": HEADER_KIB,
        "request_headers_timeout": seconds(HEADERS_SECONDS),
        "request_timeout": seconds(BODY_SECONDS),
        # 0: the route's idle_timeout decides, which can change without the listener.
        "stream_idle_timeout": "0s",
        "stream_flush_timeout": seconds(SLOW_READER_SECONDS),
        "common_http_protocol_options": {
            "idle_timeout": seconds(IDLE_SECONDS),
            "max_headers_count": HEADERS,
            # To many servers x_name and x-name are one header: who may not send the one could send the other.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        # A request with both a length and chunks has two ends: refused, rather than guessed at.
        "http_protocol_options": {
            "allow_chunked_length": False,
            "accept_http_10": True,
            "default_host_for_http_10": service,
        },
        "http2_protocol_options": {
            "allow_connect": True,
            "max_concurrent_streams": STREAMS,
            "initial_stream_window_size": BUFFER_BYTES,
            "initial_connection_window_size": 16 * BUFFER_BYTES,
        },
        # The endpoint decides nothing by the path, so that a replica sees what its client wrote.
        "normalize_path": False,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
    }


def of_connections() -> Json:
    """Fields of the listener. Each accepted connection inherits the options of the listening socket."""
    return {
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "socket_options": [
            _socket_option("SO_KEEPALIVE", _SOL_SOCKET, _SO_KEEPALIVE, 1),
            _socket_option("TCP_KEEPIDLE", _SOL_TCP, _TCP_KEEPIDLE, 60),
            _socket_option("TCP_KEEPINTVL", _SOL_TCP, _TCP_KEEPINTVL, 30),
            # The kernel counts a window that stays shut too: this ends slow readers as well as the dead.
            _socket_option("TCP_USER_TIMEOUT", _SOL_TCP, _TCP_USER_TIMEOUT, int(SLOW_READER_SECONDS * 1000)),
        ],
    }


def _socket_option(description: str, level: int, name: int, value: int) -> Json:
    return {
        "description": description,
        "level": level,
        "name": name,
        "int_value": value,
        "state": "STATE_LISTENING",
    }


def body_filter() -> Json:
    """Does nothing until a service's routes say how large a body may be."""
    return {
        "name": _FILTER,
        "disabled": True,
        "typed_config": struct("filters.http.filter_chain.v3.FilterChainConfig", {}),
    }


def of_bodies(table: RouteTable) -> Json:
    """Of a service's routes: the configuration of that filter. A body is counted as it passes, and kept nowhere."""
    limit = table.settings.max_request_bytes
    if limit is None:
        return {}
    counted = {
        "name": "envoy.filters.http.body_size_limit",
        "typed_config": {
            "@type": extension("filters.http.body_size_limit.v3.BodySizeLimit"),
            # Text: a number in a Struct is a double.
            "max_request_bytes": str(limit),
        },
    }
    kind = "filters.http.filter_chain.v3.FilterChainConfigPerRoute"
    return {_FILTER: struct(kind, {"filter_chain": {"filters": [counted]}})}
