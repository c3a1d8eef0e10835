"""What Envoy answers by itself, when no replica does: JSON that says what is wrong and what to do.

The shape is that of OpenAI's API, so that its clients show the message.
"""

from skyserve.endpoint.translate.keys import LIMITED, METADATA
from skyserve.endpoint.translate.naming import Json, says

RETRY_AFTER_SECONDS = 5
"""A replica that comes back is found within this time; one that has to be launched takes longer."""

_UNAVAILABLE = ("UH", "NC", "NR")
"""No healthy upstream, no cluster, no route: the last two while a service is being set up."""
_BROKEN = ("UF", "UC", "UR", "LR", "URX", "UPE", "UO", "DR")
"""The replica could not be reached, or hung up before it answered, and so did those tried after it."""
BY_THE_GATE = ("queue_full", "queue_timeout", "deadline_exceeded", "no_ready_replica", "too_many_waiting")
"""What the gate refuses requests with (skyserve.endpoint.gate.refusal)."""
_SILENT = ("SI", "UT", "UMSDR")


def local_reply(service: str) -> Json:
    """For one service. The first mapper whose flags match decides."""
    name = service.replace("%", "%%")
    not_ready = f"No replica of service '{name}' is ready. To see why: sky serve status {name}"
    broken = (
        f"A replica of service '{name}' failed before it answered (%RESPONSE_CODE_DETAILS%). "
        f"Its log: sky serve logs {name} REPLICA_ID"
    )
    silent = f"The replica of service '{name}' was silent for longer than the service's stream timeout."
    too_many = f"Service '{name}' gets more requests than it takes: see load_balancer.max_requests_per_second."
    overloaded = f"The endpoint of service '{name}' is out of memory or connections; try again later."
    too_large = f"The request's body is larger than service '{name}' takes: see load_balancer.max_request_bytes."
    too_slow = "The request did not arrive in time: its headers, or its body, came too slowly."
    retry = [{"header": {"key": "retry-after", "value": str(RETRY_AFTER_SECONDS)}}]
    return {
        "mappers": [
            _by_key(),
            _by_rate(too_many),
            _mapper(_UNAVAILABLE, 503, "no_ready_replica", not_ready) | {"headers_to_add": retry},
            _mapper(_BROKEN, 502, "replica_failed", broken),
            _mapper(_SILENT, 504, "replica_timeout", silent),
            _by_gate(),
            _mapper(("OM",), 503, "endpoint_overloaded", overloaded) | {"headers_to_add": retry},
            _worded(413, "request_too_large", too_large),
            _worded(408, "request_timeout", too_slow),
        ],
        "body_format": _body("bad_request", "%LOCAL_REPLY_BODY%"),
    }


def _by_gate() -> Json:
    """The details tell the kind, the body is the message."""
    return {
        "filter": says(f"response.code_details in {list(BY_THE_GATE)}"),
        "body_format_override": _body("%RESPONSE_CODE_DETAILS%", "%LOCAL_REPLY_BODY%"),
    }


def _mapper(flags: tuple[str, ...], status: int, kind: str, message: str) -> Json:
    return {
        "filter": {"response_flag_filter": {"flags": list(flags)}},
        "status_code": status,
        "body_format_override": _body(kind, message),
    }


def _by_key() -> Json:
    """What the check of keys refused, in its own words."""
    matcher = {"filter": METADATA, "path": [{"key": "refused"}], "value": {"present_match": True}}
    return {
        "filter": {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": False}},
        "body_format_override": _body(f"%DYNAMIC_METADATA({METADATA}:refused)%", "%LOCAL_REPLY_BODY%"),
    }


def _by_rate(message: str) -> Json:
    """What the limit of requests of the whole service refused."""
    return {"filter": says(LIMITED), "body_format_override": _body("rate_limit_exceeded", message)}


def _worded(status: int, kind: str, message: str) -> Json:
    """For a status that Envoy chooses for one reason only."""
    value = {"default_value": status, "runtime_key": f"skyserve.local_reply.{status}"}
    return {
        "filter": {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}},
        "body_format_override": _body(kind, message),
    }


def _body(kind: str, message: str) -> Json:
    return {
        "json_format": {
            "error": {
                "message": message,
                "type": kind,
                "code": "%RESPONSE_CODE%",
                "request_id": "%REQ(X-REQUEST-ID)%",
            }
        }
    }
