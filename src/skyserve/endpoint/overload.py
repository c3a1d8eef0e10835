"""What Envoy does when it has too much to do: it refuses some requests rather than being killed with all of them."""

from collections.abc import Mapping

from skyserve.endpoint.translate.naming import Json, extension

MAX_HEAP_BYTES = 4 * 2**30
MIN_HEAP_BYTES = 512 * 2**20
MAX_CONNECTIONS = 50_000
TRACKED_POWER = 20
"""Requests that buffer less than 2 to this power bytes, 1 MiB, are not reset for the memory they take."""

GUARDS: Json = {
    # A connection whose requests are opened and reset at once (CVE-2023-44487) is closed after so many of them.
    "overload.premature_reset_total_stream_count": 500,
    "overload.premature_reset_min_stream_lifetime_seconds": 1,
    # One connection gets one request through before the others of its thread have their turn.
    "http.max_requests_per_io_cycle": 1,
}
"""Against clients that make much work with few bytes, as keys of Envoy's runtime."""


def heap_limit(memory_bytes: int) -> int:
    """A quarter of the memory there is, within bounds, since replicas run here too; never more than half."""
    return min(MAX_HEAP_BYTES, max(MIN_HEAP_BYTES, memory_bytes // 4), memory_bytes // 2)


def connection_limit(open_files: int) -> int:
    """Clients at once: each may hold a file for itself and one for its replica, and some are needed besides."""
    return max(64, min(MAX_CONNECTIONS, open_files // 2 - 256))


def overload_manager(heap_bytes: int, connections: int) -> Json:
    """`heap_bytes` bounds Envoy's own heap. Its monitor of the cgroup's memory is not used: replicas may run in the
    same cgroup, and what they take the endpoint cannot give back."""
    monitors: Mapping[str, tuple[str, Json]] = {
        "fixed_heap": ("fixed_heap.v3.FixedHeapConfig", {"max_heap_size_bytes": heap_bytes}),
        "global_downstream_max_connections": (
            "downstream_connections.v3.DownstreamConnectionsConfig",
            {"max_active_downstream_connections": connections},
        ),
    }
    return {
        "refresh_interval": "0.5s",
        "resource_monitors": [
            {
                "name": f"envoy.resource_monitors.{name}",
                "typed_config": {"@type": extension(f"resource_monitors.{kind}"), **settings},
            }
            for name, (kind, settings) in monitors.items()
        ],
        "actions": [
            _action("reduce_timeouts", _from(0.80, 0.95)) | {"typed_config": _impatience()},
            # The largest first, more of them the less memory is left.
            _action("reset_high_memory_stream", _from(0.85, 0.98)),
            _action("shrink_heap", _above(0.90)),
            _action("disable_http_keepalive", _above(0.92)),
            _action("stop_accepting_requests", _above(0.95)),
        ],
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": TRACKED_POWER},
    }


def _action(name: str, trigger: Json) -> Json:
    return {
        "name": f"envoy.overload_actions.{name}",
        "triggers": [{"name": "envoy.resource_monitors.fixed_heap", **trigger}],
    }


def _above(share: float) -> Json:
    return {"threshold": {"value": share}}


def _from(begin: float, end: float) -> Json:
    """More and more between the two shares of the heap."""
    return {"scaled": {"scaling_threshold": begin, "saturation_threshold": end}}


def _impatience() -> Json:
    """How short the times become at the worst: connections that do nothing go first, and no stream that is silent, for
    a model may think."""
    timers = {
        "HTTP_DOWNSTREAM_CONNECTION_IDLE": "5s",
        "HTTP_DOWNSTREAM_STREAM_FLUSH": "10s",
        "TRANSPORT_SOCKET_CONNECT": "3s",
    }
    return {
        "@type": "type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig",
        "timer_scale_factors": [{"timer": timer, "min_timeout": shortest} for timer, shortest in timers.items()],
    }
