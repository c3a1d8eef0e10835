"""What Envoy answers by itself, when no replica does: JSON that says what is wrong and what to do.

The shape is that of OpenAI's API, so that its clients show the message.
"""

from skyserve.endpoint.translate.naming import Json

RETRY_AFTER_SECONDS = 5
"""A replica that comes back is found within this time; one that has to be launched takes longer."""

_UNAVAILABLE = ("UH", "NC", "NR")
"""No healthy upstream, no cluster, no route: the last two while a service is being set up."""
_BROKEN = ("UF", "UC", "UR", "LR", "URX", "UPE", "UO", "DR")
"""The replica could not be reached, or hung up before it answered, and so did those tried after it."""
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
    overloaded = f"The endpoint of service '{name}' is out of memory or connections; try again later."
    retry = [{"header": {"key": "retry-after", "value": str(RETRY_AFTER_SECONDS)}}]
    return {
        "mappers": [
            _mapper(_UNAVAILABLE, 503, "no_ready_replica", not_ready) | {"headers_to_add": retry},
            _mapper(_BROKEN, 502, "replica_failed", broken),
            _mapper(_SILENT, 504, "replica_timeout", silent),
            _mapper(("OM",), 503, "endpoint_overloaded", overloaded) | {"headers_to_add": retry},
        ],
        "body_format": _body("bad_request", "%LOCAL_REPLY_BODY%"),
    }


def _mapper(flags: tuple[str, ...], status: int, kind: str, message: str) -> Json:
    return {
        "filter": {"response_flag_filter": {"flags": list(flags)}},
        "status_code": status,
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
