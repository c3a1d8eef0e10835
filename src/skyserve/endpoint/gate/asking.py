"""What a request says of itself to the gate: how urgent it is, and how long its client waits."""

from collections.abc import Mapping
from dataclasses import dataclass

from skyserve.endpoint.translate.gate import DEADLINE_HEADER, PRIORITY_HEADER
from skyserve.endpoint.waiting.keepalive import pause_wanted

LIMIT = 10
"""Priorities are from -10 to 10; what lies outside counts as the nearer end."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One request."""

    priority: int = 0
    patience: float | None = None
    """Seconds that its client waits; None: as long as the service lets it."""

    company: bool = False
    """Its client wants to be told that it waits."""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Asking":
        """From its headers, in lower case."""
        priority, patience = _priority(headers.get(PRIORITY_HEADER, "")), _patience(headers.get(DEADLINE_HEADER, ""))
        return cls(priority, patience, company=pause_wanted(headers) is not None)


def _priority(text: str) -> int:
    value = _whole(text)
    return 0 if value is None else max(-LIMIT, min(LIMIT, value))


def _patience(text: str) -> float | None:
    value = _whole(text)
    return value / 1000 if value is not None and value > 0 else None


def _whole(text: str) -> int | None:
    """None for what is no number, or so long that nobody can have meant it."""
    digits = text.strip().removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 12 else None
