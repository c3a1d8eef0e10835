"""Amounts as users write them: `4`, `4+`, `64GB`, `10h`."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from skyserve.model.resources import Amount
from skyserve.spec.base import Finding, invalid

_UNIT_IN_GIB = {"": 1.0, "k": 2.0**-20, "m": 2.0**-10, "g": 1.0, "t": 2.0**10, "p": 2.0**20}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgtp])i?b?)?(\+?)", re.IGNORECASE)
_MINUTES = {"": 1, "m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}
_TIME = re.compile(r"(\d+)\s*([mhdw]?)", re.IGNORECASE)
_LARGEST = 1e9


def number_text(number: float) -> str:
    """The shortest text that reads back as the same number."""
    return str(int(number)) if number == int(number) else repr(number)


def amount_text(amount: Amount) -> str:
    """As the YAML has it."""
    return number_text(amount.value) + ("+" if amount.at_least else "")


def _positive(value: float) -> float:
    if not 0 < value <= _LARGEST:
        raise invalid(Finding(f"must be above 0 and at most {_LARGEST:.0f}"))
    return value


def _amount(value: Any, pattern: re.Pattern[str], finding: Finding) -> Amount:
    if isinstance(value, Amount):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Amount(_positive(float(value)))
    match = pattern.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise invalid(finding)
    number, unit, plus = match.groups()
    return Amount(_positive(float(number) * _UNIT_IN_GIB[(unit or "").lower()]), at_least=plus == "+")


def _cpus(value: Any) -> Amount:
    pattern = re.compile(r"(\d+(?:\.\d+)?)()(\+?)")
    return _amount(value, pattern, Finding("should be a number of CPUs", "Write 4, or 4+ for at least 4."))


def _memory(value: Any) -> Amount:
    return _amount(value, _SIZE, Finding("should be an amount of memory in GB", "Write 16, 16+ or 16GB."))


def _size(value: Any) -> float:
    return _amount(value, _SIZE, Finding("should be a size in GB", "Write 256 or 256GB.")).value


def minutes(value: Any) -> int:
    """Minutes from `10`, `"10m"`, `"10h"`, `"2d"`, `"1w"`. Raises as validators do."""
    match = _TIME.fullmatch(str(value).strip()) if isinstance(value, str | int) and value is not True else None
    if match is None or len(match[1]) > 9:
        raise invalid(Finding("should be a time in minutes", "Write 10, or with a unit: 10m, 10h, 2d."))
    return int(match[1]) * _MINUTES[match[2].lower()]


_Written = PlainSerializer(amount_text, return_type=str)

Cpus = Annotated[Amount, BeforeValidator(_cpus, json_schema_input_type=float | str), _Written]
"""`4` or `4+`."""

Memory = Annotated[Amount, BeforeValidator(_memory, json_schema_input_type=float | str), _Written]
"""GiB: `16`, `16+`, `64GB`."""

Size = Annotated[float, BeforeValidator(_size, json_schema_input_type=float | str)]
"""GiB: `256`, `256GB`, `1TB`."""

Minutes = Annotated[int, BeforeValidator(minutes, json_schema_input_type=int | str)]
"""`10`, `10m`, `10h`, `2d`."""
