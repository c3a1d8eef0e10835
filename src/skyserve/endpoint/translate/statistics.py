"""What is counted of each request beyond Envoy's own counters: by access loggers that write statistics, not lines."""

from skyserve.endpoint.translate.naming import COUNTED_FOR, FIRST_BYTE, REPLICA, Json, struct

ANSWERS, DURATION, BY_REPLICA = "answers", "duration", "replicas"
"""Names: the counter by status, the histogram of whole requests, and what the statistics of replicas begin with."""

MOST_COUNTERS = 8192
MOST_HISTOGRAMS = 4096
"""Of one service's replicas. Each has two histograms, and a counter for each status."""

_REPLICA: Json = {"name": COUNTED_FOR, "value_format": f"%UPSTREAM_METADATA({REPLICA}:{COUNTED_FOR})%"}
"""Empty where a request came to no replica."""
_STATUS: Json = {"name": "status", "value_format": "%RESPONSE_CODE%"}


def statistics(name: str) -> list[Json]:
    """Access loggers for the service of that resource name."""
    of_service = {"prefix": name}
    of_replicas = {
        "prefix": f"{BY_REPLICA}.{name}",
        # What nothing was counted for in a day or two is let go of, or replicas long gone would fill the memory.
        "enable_eviction": True,
        "max_counters": MOST_COUNTERS,
        "max_histograms": MOST_HISTOGRAMS,
    }
    first_byte, duration = "%RESPONSE_DURATION%", "%DURATION%"
    return [
        _logger({"stats_scope": of_service, "histograms": [_histogram(FIRST_BYTE, first_byte)]}, _no_error()),
        _logger({"stats_scope": of_replicas, "counters": [_counter(ANSWERS, _REPLICA, _STATUS)]}),
        _logger(
            {
                "stats_scope": of_replicas,
                "histograms": [_histogram(FIRST_BYTE, first_byte, _REPLICA), _histogram(DURATION, duration, _REPLICA)],
            },
            _no_error(),
        ),
    ]


def _logger(settings: Json, condition: Json | None = None) -> Json:
    config = struct("access_loggers.stats.v3.Config", settings)
    return {
        "name": "envoy.access_loggers.stats",
        **({"filter": condition} if condition else {}),
        "typed_config": config,
    }


def _counter(name: str, *tags: Json) -> Json:
    return {"stat": {"name": name, "tags": [*tags]}, "value_fixed": 1}


def _histogram(name: str, milliseconds: str, *tags: Json) -> Json:
    return {"stat": {"name": name, "tags": [*tags]}, "unit": "Milliseconds", "value_format": milliseconds}


def _status(comparison: str, status: int) -> Json:
    value = {"default_value": status, "runtime_key": f"skyserve.first_byte.{comparison.lower()}"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def _no_error() -> Json:
    """That an error came fast tells no good, whoever made it: replica, client, or the endpoint, which answers by itself
    with errors alone."""
    return {"and_filter": {"filters": [_status("GE", 200), _status("LE", 399)]}}
