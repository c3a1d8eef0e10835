"""`readiness_probe:`, how a replica is asked whether it is ready."""

import json
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


class ReadinessProbe(Model):
    """An HTTP request that a replica answers with 200 once it is ready."""

    path: str = Field(strict=True)
    """Path of the URL, with its slash; may have a query."""
    initial_delay_seconds: Seconds = 1200
    """Longest time from the machine being up to the first pass; then the replica has failed."""
    timeout_seconds: PositiveSeconds = 15
    """Longest time of one probe."""
    endpoint_probe_interval_seconds: PositiveSeconds = 10
    """Time between probes."""
    consecutive_failure_threshold_timeout: Seconds = 180
    """Longest time of failing probes, once ready, before the replica is replaced."""
    post_data: Annotated[Any, BeforeValidator(_post_data, json_schema_input_type=dict[str, Any] | str)] = None
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


def _mapping(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


ReadinessProbeField = Annotated[
    ReadinessProbe, BeforeValidator(_mapping, json_schema_input_type=str | ReadinessProbe | None)
]
"""A path, or the mapping."""
