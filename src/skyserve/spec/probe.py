"""`readiness_probe:`, how a replica is asked whether it is ready."""

import json
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from skyserve.spec.base import Finding, Model, PositiveCount, PositiveSeconds, Seconds, invalid


def _post_data(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise invalid(Finding("the text is not JSON", "Write a mapping, or valid JSON in quotes.")) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


class ReadinessProbe(Model):
    """An HTTP request that a replica answers with 200 once it is ready."""

    path: str = Field(strict=True)
    """Path of the URL, with its slash; may have a query. /grpc.health.v1.Health/Check is a call of gRPC."""
    initial_delay_seconds: Seconds = 1200
    """Longest time from the machine being up to the first pass; then the replica has failed."""
    timeout_seconds: PositiveSeconds = 15
    """Longest time of one probe."""
    endpoint_probe_interval_seconds: PositiveSeconds = 10
    """Time between probes."""
    consecutive_failure_threshold_timeout: Seconds = 180
    """Longest time of failing probes, once ready, before the replica is replaced."""
    post_data: Annotated[Any, BeforeValidator(_post_data, json_schema_input_type=dict[str, Any] | str)] = Field(
        default=None, repr=False
    )
    """JSON value (or its text) to be sent; makes the probe a POST."""
    headers: dict[str, str] = Field(default={}, repr=False)
    """Headers sent with each probe, such as API keys."""
    rise: PositiveCount = 1
    """Passes in a row that make a replica ready."""
    fall: PositiveCount = 2
    """Failures in a row that take a ready replica out: one blip does not."""

    @field_validator("path")
    @classmethod
    def _starts_with_slash(cls, value: str) -> str:
        if not value.startswith("/"):
            raise invalid(Finding("must start with a slash", "Write for example /health."))
        if any(character <= " " or character == "\x7f" for character in value):
            raise invalid(Finding("holds a blank or a control character", "Write %20 for a blank."))
        return value

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise invalid(Finding("not a header's name", "Write for example Authorization.", (name,)))
            if not _HEADER_VALUE.fullmatch(value):
                raise invalid(Finding("a header's value holds no line break or control character", "", (name,)))
        return headers


def _mapping(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


ReadinessProbeField = Annotated[
    ReadinessProbe, BeforeValidator(_mapping, json_schema_input_type=str | ReadinessProbe | None)
]
"""A path, or the mapping."""
