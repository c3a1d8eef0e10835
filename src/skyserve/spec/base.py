"""What all parts of the specification share: the frozen model, refusals with a remedy, and the kinds of values.

A model accepts every form that the YAML allows for a field and keeps one of them; its JSON is again valid input,
so that a stored task can be read back.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from skyserve.spec.source import Path


class Finding(NamedTuple):
    """A refusal by a rule of ours: what is wrong at `key`, below the value that the rule looked at."""

    reason: str
    remedy: str = ""
    key: Path = ()


def invalid(*findings: Finding) -> PydanticCustomError:
    """To be raised by a validator. The texts hold nothing of the user's: values may come from secrets."""
    reasons = "; ".join(finding.reason for finding in findings)
    return PydanticCustomError("refused", "{reasons}", {"reasons": reasons, "findings": findings})


class Model(BaseModel):
    """A mapping of the YAML: frozen, and without unknown keys. A key with nothing after it counts as not written."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    retired: ClassVar[Mapping[str, str]] = {}
    """Keys that SkyServe once had, or that belong elsewhere -> what to write instead."""

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: item for key, item in value.items() if item is not None or key not in cls.model_fields}


def models_in(annotation: Any) -> list[type[Model]]:
    """The models that a field's type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [model for inner in get_args(annotation) for model in models_in(inner)]


def _not_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise invalid(Finding("should be a number"))
    return value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


AnyCase = BeforeValidator(_lower, json_schema_input_type=str)
"""Makes a choice between words in lower case forgive capitals."""

AnyCaseUpper = BeforeValidator(_upper, json_schema_input_type=str)
"""Makes a choice between words in capitals forgive lower case."""

_Variable = Annotated[str, Field(pattern=r"^\$|^[0-9.]+$")]
"""How a number may also be written: `$NAME`, or quoted."""

_Whole = Annotated[int, Field(ge=0)]
Count = Annotated[_Whole, BeforeValidator(_not_boolean, json_schema_input_type=_Whole | _Variable)]
"""A whole number, 0 or more."""

_OneOrMore = Annotated[int, Field(ge=1)]
PositiveCount = Annotated[_OneOrMore, BeforeValidator(_not_boolean, json_schema_input_type=_OneOrMore | _Variable)]
"""A whole number, 1 or more."""

_PortNumber = Annotated[int, Field(ge=1, le=65535)]
Port = Annotated[_PortNumber, BeforeValidator(_not_boolean, json_schema_input_type=_PortNumber | _Variable)]
"""A TCP port."""

LONGEST_SECONDS = 10**9
"""Thirty years: longer than any timeout that is meant, and short enough for every clock."""

_Duration = Annotated[float, Field(ge=0, le=LONGEST_SECONDS)]
Seconds = Annotated[_Duration, BeforeValidator(_not_boolean, json_schema_input_type=_Duration | _Variable)]
"""A time in seconds, 0 or more."""

_LongerThanNothing = Annotated[float, Field(gt=0, le=LONGEST_SECONDS)]
PositiveSeconds = Annotated[
    _LongerThanNothing, BeforeValidator(_not_boolean, json_schema_input_type=_LongerThanNothing | _Variable)
]
"""A time in seconds, above 0."""

_AboveZero = Annotated[float, Field(gt=0)]
PositiveNumber = Annotated[_AboveZero, BeforeValidator(_not_boolean, json_schema_input_type=_AboveZero | _Variable)]
"""A number above 0."""

Text = Annotated[str, Field(strict=True)]
"""Text; a number or a boolean must be quoted."""

Secret = Annotated[
    SecretStr,
    PlainSerializer(lambda secret: secret.get_secret_value(), return_type=str, when_used="json"),
]
"""Text that shows in no repr and no log; only JSON has it."""
