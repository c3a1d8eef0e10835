"""Why a request was not let through: in words, with the status and the time after which it may be tried again."""

import math
from dataclasses import dataclass

from skyserve.model.route import Prospect
from skyserve.policy.prospects import retry_after

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
    """All there are, taken or not; 0: there is no replica."""
    waiting: int
    """Requests in the queue."""
    mean_seconds: float
    """How long a request takes."""
    prospect: Prospect
    """When there will be a replica."""
    now: float
    """Seconds since the epoch."""

    @property
    def retry_after(self) -> int | None:
        """Seconds until those who wait now have had their turn, at the pace at which requests end: each place is free
        again after one request's time. Where there are no places, until there will be some."""
        if not self.places:
            return retry_after(self.prospect, self.now)
        return math.ceil(min(LONGEST_RETRY_SECONDS, max(1.0, self.mean_seconds * (self.waiting + 1) / self.places)))


def full(crowd: Crowd) -> Refusal:
    """The queue has no room for it, or it had to make room for one that is more urgent."""
    if not crowd.places:
        words = f"{crowd.waiting} requests wait for a replica of service '{crowd.service}' already."
        return _not_ready(crowd, "too_many_waiting", words)
    message = (
        f"Service '{crowd.service}' is busy: all {crowd.places} places of its replicas are taken, "
        f"and {crowd.waiting} requests are before this one. Try again later."
    )
    return Refusal(429, "queue_full", message, crowd.retry_after)


def too_late(crowd: Crowd, seconds: float) -> Refusal:
    """Its turn did not come for so many seconds."""
    if not crowd.places:
        words = f"No replica of service '{crowd.service}' was ready within {seconds:g} s."
        return _not_ready(crowd, "no_ready_replica", words)
    message = (
        f"No replica of service '{crowd.service}' had a place for this request within {seconds:g} s: "
        f"there are {crowd.places} places, and {crowd.waiting} requests wait."
    )
    return Refusal(503, "queue_timeout", message, crowd.retry_after)


def past_deadline(crowd: Crowd, seconds: float) -> Refusal:
    """Its client wanted it begun within so many seconds, which did not come to pass."""
    message = f"No replica of service '{crowd.service}' had a place for this request within its {seconds:g} s."
    return Refusal(504, "deadline_exceeded", message)


def hopeless(crowd: Crowd) -> Refusal:
    """There is no use in waiting."""
    words = f"No replica of service '{crowd.service}' will come: {crowd.prospect.hopeless}."
    return _not_ready(crowd, "no_ready_replica", words)


def _not_ready(crowd: Crowd, kind: str, words: str) -> Refusal:
    return Refusal(503, kind, f"{words} To see why: sky serve status {crowd.service}", crowd.retry_after)
