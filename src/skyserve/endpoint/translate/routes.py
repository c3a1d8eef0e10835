"""Timeouts and retries -> RouteConfiguration."""

from skyserve.endpoint.translate import limits
from skyserve.endpoint.translate.affinity import hash_policy, prefix_for
from skyserve.endpoint.translate.courier import COURIER_HEADER, courier_routes
from skyserve.endpoint.translate.gate import gate_for
from skyserve.endpoint.translate.keys import keys_for
from skyserve.endpoint.translate.naming import ROUTES, Json, extension, resource_name, seconds
from skyserve.endpoint.translate.rates import rate_for
from skyserve.endpoint.translate.split import destination
from skyserve.endpoint.translate.waiting import ARRIVAL_HEADER, BODY_BYTES, RELEASE_HEADER
from skyserve.model.route import RouteTable

RETRIES = 13
"""Each on a replica that was not tried yet, while there is one; half a second for the first six, eight seconds for
all."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.010, 2.0
"""Between tries: doubled each time, and of that a random part."""
RETRY_BODY_BYTES = BODY_BYTES
"""A request whose body is larger is not retried once it was begun to be sent. A chat with several images fits."""

_IDEMPOTENT = "GET|HEAD|OPTIONS|TRACE|PUT|DELETE"
"""RFC 9110, section 9.2.2: doing it twice is doing it once."""
_UNSENT = ("connect-failure", "refused-stream", "reset-before-request")
"""The replica cannot have seen the request: any method may be retried."""


def routes(table: RouteTable, *, courier: str, outage: bool = False) -> Json:
    """To the one cluster; a split holds for all. `courier`: how requests are known that the controller brings;
    `outage`: none of the replicas works."""
    name = resource_name(table.service_id)
    silence = _longest_silence(table, outage)
    return {
        "@type": ROUTES,
        "name": name,
        "virtual_hosts": [
            {
                "name": name,
                "domains": ["*"],
                "request_body_buffer_limit": RETRY_BODY_BYTES,
                "typed_per_filter_config": {
                    **keys_for(table),
                    **rate_for(table),
                    **limits.of_bodies(table),
                    **prefix_for(table),
                    **gate_for(table),
                },
                "routes": _by_what_may_be_repeated(table, name, courier, silence),
            }
        ],
        # The first tells a replica nothing that x-forwarded-for does not; the second is ours alone.
        "request_headers_to_remove": ["x-envoy-external-address", COURIER_HEADER],
        "request_headers_to_add": [
            {
                "header": {"key": ARRIVAL_HEADER, "value": "t=%START_TIME(%s.%3f)%"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
        "response_headers_to_remove": [RELEASE_HEADER],
    }


def _by_what_may_be_repeated(table: RouteTable, cluster: str, courier: str, silence: float) -> list[Json]:
    """What comes most often, POST, comes first, so that it meets no regular expression."""
    repeated = _action(table, cluster, silence, (*_UNSENT, "reset"))
    if table.settings.retry_posts:
        return [*courier_routes(table, courier, repeated), {"match": {"prefix": "/"}, "route": repeated}]
    once = _action(table, cluster, silence, _UNSENT)
    return [
        *courier_routes(table, courier, once),
        {"match": _method({"exact": "POST"}), "route": once},
        {"match": _method({"safe_regex": {"regex": _IDEMPOTENT}}), "route": repeated},
        {"match": {"prefix": "/"}, "route": once},
    ]


def _method(which: Json) -> Json:
    return {"prefix": "/", "headers": [{"name": ":method", "string_match": which}]}


def _action(table: RouteTable, cluster: str, silence: float, retry_on: tuple[str, ...]) -> Json:
    return {
        **destination(table, cluster),
        **hash_policy(table),
        # The default, 15 s to the end of the response, would cut generations.
        "timeout": "0s",
        "idle_timeout": seconds(silence),
        "retry_policy": {
            "retry_on": ",".join((*retry_on, "retriable-headers")),
            "retriable_headers": [{"name": RELEASE_HEADER, "present_match": True}],
            "num_retries": RETRIES,
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {"@type": extension("retry.host.previous_hosts.v3.PreviousHostsPredicate")},
                }
            ],
            "host_selection_retry_max_attempts": 10,
            "retry_back_off": {
                "base_interval": seconds(FIRST_PAUSE_SECONDS),
                "max_interval": seconds(LONGEST_PAUSE_SECONDS),
            },
        },
    }


def _longest_silence(table: RouteTable, outage: bool) -> float:
    """A request that comes while there is no replica may have to wait for one first, which is no silence of a
    replica. Envoy settles the time when a request comes, and for all of its tries."""
    settings = table.settings
    waits = settings.stream_timeout and (outage or not table.backends)
    return settings.stream_timeout + (settings.hold_seconds if waits else 0)
