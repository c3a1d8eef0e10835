"""`accelerators:` in each of its forms.

`A100`, `A100:8`, `{A100: 8}`: one. `{L4:8, A10g:8}`: any of these. `[L4:1, H100:1]`: in this order of preference.
Instead of a name, a selector by memory: `16GB`, `80GB+:2`, `nvidia:80GB:2`.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from skyserve.model.resources import Accelerators
from skyserve.spec.amounts import number_text
from skyserve.spec.base import Finding, invalid

_SELECTOR = re.compile(r"(?:[A-Za-z]+:)?\d+(?:\.\d+)?[GT]B\+?", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/+-]*")
_COUNT = re.compile(r"\d+(?:\.\d+)?")
_MOST = 10_000

_FORM = Finding("should name accelerators", "Write A100, A100:8, {A100: 8}, {L4:1, A10G:1} or [L4:1, A10G:1].")


@dataclass(frozen=True, slots=True)
class AcceleratorChoice:
    """Acceptable accelerators, one of which a replica gets."""

    options: tuple[Accelerators, ...]
    ordered: bool = False
    """Whether the first is liked best. If not, the cheapest wins."""


def is_selector(accelerators: Accelerators) -> bool:
    """Whether devices are chosen by their memory and not by name."""
    return _SELECTOR.fullmatch(accelerators.name) is not None


def _count(value: Any) -> float:
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    if not whole and not (isinstance(value, str) and len(value) < 20 and _COUNT.fullmatch(value.strip())):
        raise invalid(Finding("the number of accelerators should be a number", "Write A100:8."))
    number = float(value)
    if not 0 < number <= _MOST:
        raise invalid(Finding(f"the number of accelerators must be above 0 and at most {_MOST}"))
    return number


def _named(name: str, count: Any) -> Accelerators:
    if not (_NAME.fullmatch(name) or _SELECTOR.fullmatch(name)):
        raise invalid(_FORM)
    return Accelerators(name, _count(count))


def _one(text: Any) -> Accelerators:
    if not isinstance(text, str):
        raise invalid(_FORM)
    name, colon, count = text.strip().rpartition(":")
    if colon and not _SELECTOR.fullmatch(text.strip()):
        return _named(name.strip(), count)
    return _named(text.strip(), 1)


def _choice(value: Any) -> AcceleratorChoice:
    if isinstance(value, AcceleratorChoice):
        return value
    if isinstance(value, str):
        return AcceleratorChoice((_one(value),))
    if isinstance(value, dict) and value:
        entries = (_one(key) if count is None else _named(key.strip(), count) for key, count in value.items())
        return AcceleratorChoice(tuple(entries))
    if isinstance(value, list) and value:
        return AcceleratorChoice(tuple(map(_one, value)), ordered=len(value) > 1)
    raise invalid(_FORM)


def _written(choice: AcceleratorChoice) -> str | list[str] | dict[str, None]:
    names = [f"{option.name}:{number_text(option.count)}" for option in choice.options]
    if len(names) == 1:
        return names[0]
    return names if choice.ordered else dict.fromkeys(names)


AcceleratorField = Annotated[
    AcceleratorChoice,
    BeforeValidator(_choice, json_schema_input_type=str | list[str] | dict[str, float | str | None]),
    PlainSerializer(_written),
]
"""The field's value: any form in, one of the YAML's forms out."""
