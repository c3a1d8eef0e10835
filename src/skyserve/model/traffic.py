"""What the endpoint counted of a service's requests, for people and their monitoring. Decisions are made from Load."""

from dataclasses import dataclass

from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.view import KeyView


@dataclass(frozen=True, slots=True)
class Answers:
    """Requests that ended with one status."""

    status: int
    """HTTP status; 0: the client went before there was one."""
    count: int


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, as often as it happened."""

    within: tuple[int, ...] = (0,) * len(FIRST_BYTE_BOUNDS)
    """For each of skyserve.model.load.FIRST_BYTE_BOUNDS (seconds), how many took no longer."""
    count: int = 0
    """All of them, those too that took longer than the last bound."""
    seconds: float = 0.0
    """All of them together."""


@dataclass(frozen=True, slots=True)
class ReplicaTraffic:
    """The requests that one replica had the last word on, while it was of one version. An attempt that was repeated
    elsewhere is none of them."""

    replica_id: int
    version: int
    in_flight: int = 0
    """Requests being answered now."""
    answers: tuple[Answers, ...] = ()
    """Ascending by status; only of requests that have ended."""
    first_byte: Spread = Spread()
    """From the request's arrival to the first byte of the answer, what it waited for before it was sent included. Of
    answers with a status from 200 to 399: that an error came fast tells no good."""
    duration: Spread = Spread()
    """From the request's arrival to the last byte of the answer; of the same."""
    attempts: int = 0
    """Requests that were ever sent to it, those too that were repeated elsewhere; begins anew when it does at the
    endpoint."""
    failed: int = 0
    """Of those: no connection, reset before an answer began, or a status of 500 or above."""
    ejected: bool = False
    """Now: it is passed over for a while, since connections to it failed."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Requests that could not go to a replica at once, by how their waiting ended. Totals since the controller began.
    One that was let go on in vain and came back is counted once more."""

    released: int = 0
    """Went on to a replica."""
    full: int = 0
    """Refused: there was no room for it to wait, or it had to make room for one that was more urgent."""
    timed_out: int = 0
    """Refused: it had waited for as long as the service lets requests wait."""
    deadline: int = 0
    """Refused: it had waited for as long as its client said."""
    hopeless: int = 0
    """Refused: no replica will come."""
    gone: int = 0
    """Its client hung up, or the connection broke."""
    spread: Spread = Spread()
    """How long those waited that were released."""

    @property
    def refused(self) -> int:
        """Answered with an error in the end."""
        return self.full + self.timed_out + self.deadline + self.hopeless


@dataclass(frozen=True, slots=True)
class ServiceTraffic:
    """One service's requests. What is not said to be of now is a total since the endpoint's proxy was started; answers
    and times are kept beyond that."""

    service: str
    service_id: int
    at: float
    """When the proxy was asked (seconds since the epoch)."""
    arrived: int = 0
    """Requests, those too that no replica saw."""
    in_flight: int = 0
    """Now."""
    held: int = 0
    """Now: requests that wait, since the service has no replica that works."""
    queued: int = 0
    """Now: requests that wait for their turn, since replicas take only so many at once."""
    refused: int = 0
    """Requests that no replica could take, whether they had to wait or not: none works, or all are full."""
    retried: int = 0
    """Attempts that were repeated; also each request that was held and then let go on."""
    ejected: int = 0
    """Now: replicas passed over for a while, since connections to them failed."""
    ejections: int = 0
    connections: int = 0
    """Of clients, now."""
    connected: int = 0
    """Connections that clients have made."""
    received_bytes: int = 0
    """From clients, on the wire."""
    sent_bytes: int = 0
    """To clients, likewise."""
    own: tuple[Answers, ...] = ()
    """Given by the endpoint itself, since no replica was reached or the request was refused; ascending by status."""
    hold_waits: Waits = Waits()
    """Of requests that came while the service had no replica that works."""
    queue_waits: Waits = Waits()
    """Of requests that came while replicas had as many as they take at once; where there is such a limit, also of
    those that came while there was no replica."""
    keys: tuple[KeyView, ...] = ()
    """Its API keys, ascending by their ids. Their totals are since each was made."""
    replicas: tuple[ReplicaTraffic, ...] = ()
    """Those that are in the route table now, ascending; one that changed its version is there twice."""
