"""`resources.ports`: 8080, `8080-8090`, or a list of these."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from skyserve.spec.base import Finding, invalid

_RANGE = re.compile(r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?")
_HIGHEST = 65535


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports from `first` to `last`, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}" if self.last > self.first else str(self.first)

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __len__(self) -> int:
        return self.last - self.first + 1


def _one(value: Any) -> PortRange:
    if isinstance(value, PortRange):
        return value
    match = _RANGE.fullmatch(str(value).strip()) if isinstance(value, str | int) and value is not True else None
    if match is None:
        raise invalid(Finding("should be a port, or a range of ports", "Write 8080, 8080-8090, or a list of these."))
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= _HIGHEST:
        raise invalid(Finding(f"a port lies between 1 and {_HIGHEST}, and a range ascends"))
    return PortRange(first, last)


def _ranges(value: Any) -> tuple[PortRange, ...]:
    found = tuple(map(_one, value)) if isinstance(value, list | tuple) else (_one(value),)
    return tuple(dict.fromkeys(found))


def _written(ranges: tuple[PortRange, ...]) -> list[int | str]:
    return [item.first if len(item) == 1 else str(item) for item in ranges]


PortsField = Annotated[
    tuple[PortRange, ...],
    BeforeValidator(_ranges, json_schema_input_type=int | str | list[int | str]),
    PlainSerializer(_written),
]
"""Any form in, a list out."""
