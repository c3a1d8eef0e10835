"""The concurrency gate in Envoy: a filter that asks the controller before a request goes to a replica.

It stands in every listener, and does nothing until a service's routes switch it on
(docs/decisions/0008-concurrency-gate.md).
"""

from skyserve.endpoint.translate.naming import Json, extension, resource_name, seconds
from skyserve.endpoint.translate.waiting import KEEPALIVE_HEADER
from skyserve.model.route import RouteTable

GATE_CLUSTER = "gate"
"""The controller's side, among those that Envoy is started with."""
SERVICE_HEADER = "x-skyserve-service"
"""Tells the gate the resource name of the service, on the stream that Envoy opens to it."""
PRIORITY_HEADER = "x-skyserve-priority"
"""Of a request: a whole number; the higher goes first. What is no number counts as 0."""
DEADLINE_HEADER = "x-skyserve-deadline-ms"
"""Of a request: milliseconds after which its client has no use for it if it was not begun. What is no positive number
counts for nothing."""
CHOSEN, CHOSEN_REPLICA = "skyserve.gate", "replica"
"""Where the gate writes the replica that a request is to go to: metadata, which no client can forge."""

ANSWER_SECONDS = 5.0
"""Until a controller that says nothing at all is passed by. One that lets a request wait says at once for how long."""
LONGEST_SECONDS = 3600.0
"""Envoy waits no longer for an answer."""
GRACE_SECONDS = 10.0
"""How long after the end of a request's patience Envoy gives up on the gate's answer."""

_TOLD = (PRIORITY_HEADER, DEADLINE_HEADER, KEEPALIVE_HEADER, "accept")
"""Headers that the gate sees."""
_FILTER = "envoy.filters.http.ext_proc"


def gate_filter() -> Json:
    """The filter of the listener."""
    return {
        "name": _FILTER,
        "disabled": True,
        "typed_config": {
            "@type": extension("filters.http.ext_proc.v3.ExternalProcessor"),
            "grpc_service": {"envoy_grpc": {"cluster_name": GATE_CLUSTER}},
            # While no controller runs, requests pass.
            "failure_mode_allow": True,
            "message_timeout": seconds(ANSWER_SECONDS),
            "max_message_timeout": seconds(LONGEST_SECONDS),
            "processing_mode": {
                "request_header_mode": "SEND",
                "response_header_mode": "SKIP",
                "request_body_mode": "NONE",
                "response_body_mode": "NONE",
                "request_trailer_mode": "SKIP",
                # Keeps the stream open until the answer has ended, whether it has trailers or not.
                "response_trailer_mode": "SEND",
            },
            # Neither keys nor paths.
            "forward_rules": {"allowed_headers": {"patterns": [{"exact": name} for name in _TOLD]}},
            "metadata_options": {"receiving_namespaces": {"untyped": [CHOSEN]}},
            # The gate changes no header by which a route is found.
            "disable_clear_route_cache": True,
        },
    }


def gate_for(table: RouteTable) -> Json:
    """What a virtual host says of its filters: the gate, where the service has a limit, or fills regions in order."""
    if table.settings.concurrency is None and not table.ranked:
        return {}
    service = {"key": SERVICE_HEADER, "value": resource_name(table.service_id)}
    return {
        _FILTER: {
            "@type": extension("filters.http.ext_proc.v3.ExtProcPerRoute"),
            "overrides": {"grpc_initial_metadata": [service]},
        }
    }


def chosen_first(policy: Json) -> Json:
    """The policy, for requests of which the gate said nothing; others go where it said, if that replica can be had."""
    return {
        "name": "envoy.load_balancing_policies.override_host",
        "typed_config": {
            "@type": extension("load_balancing_policies.override_host.v3.OverrideHost"),
            "override_host_sources": [{"metadata": {"key": CHOSEN, "path": [{"key": CHOSEN_REPLICA}]}}],
            "fallback_policy": {"policies": [{"typed_extension_config": policy}]},
        },
    }
