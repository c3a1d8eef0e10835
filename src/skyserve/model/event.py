"""What happened to a service, for people: kept in the store, shown by `sky serve logs --controller`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a service's history."""

    at: float
    service_id: int
    kind: str
    """A short word: the action's or the cause's."""
    reason: str
    replica_id: int | None = None
