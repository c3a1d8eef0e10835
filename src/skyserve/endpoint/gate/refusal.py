"""Why a request was not let through: in words, with the status and the time after which it may be tried again."""

import math
from dataclasses import dataclass

LONGEST_RETRY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to the client."""

    status: int
    kind: str
    """A stable word for programs."""
    message: str
    retry_after: int | None = None
    """Seconds; None: to try again would be of no use."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """How things are at the gate when a request is refused."""

    service: str
    places: int
    """All there are, taken or not."""
    waiting: int
    """Requests in the queue."""
    mean_seconds: float
    """How long a request takes."""

    @property
    def retry_after(self) -> int:
        """Seconds until those who wait now have had their turn, at the pace at which requests end: each place is free
        again after one request's time. Without places nobody knows; then it is the time of one request."""
        seconds = self.mean_seconds * (self.waiting + 1) / max(1, self.places)
        return math.ceil(min(LONGEST_RETRY_SECONDS, max(1.0, seconds)))


def full(crowd: Crowd) -> Refusal:
    """The queue has no room for it, or it had to make room for one that is more urgent."""
    message = (
        f"Service '{crowd.service}' is busy: all {crowd.places} places of its replicas are taken, "
        f"and {crowd.waiting} requests are before this one. Try again later."
    )
    return Refusal(429, "queue_full", message, crowd.retry_after)


def too_late(crowd: Crowd, seconds: float) -> Refusal:
    """Its turn did not come for so many seconds."""
    message = (
        f"No replica of service '{crowd.service}' had a place for this request within {seconds:g} s: "
        f"there are {crowd.places} places, and {crowd.waiting} requests wait."
    )
    return Refusal(503, "queue_timeout", message, crowd.retry_after)


def past_deadline(crowd: Crowd, seconds: float) -> Refusal:
    """Its client wanted it begun within so many seconds, which did not come to pass."""
    message = f"No replica of service '{crowd.service}' had a place for this request within its {seconds:g} s."
    return Refusal(504, "deadline_exceeded", message)
