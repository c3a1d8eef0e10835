"""The gate of one service: who may go now, who waits, and for how long."""

import asyncio
import itertools
import math
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from skyserve.endpoint.gate.asking import Asking
from skyserve.endpoint.gate.refusal import Crowd, Refusal, full, past_deadline, too_late
from skyserve.endpoint.gate.slots import Place, Seat, Slots
from skyserve.endpoint.waiting.line import Bounds, Line
from skyserve.endpoint.waiting.line import Ticket as PlaceInLine
from skyserve.model.endpoint import ConcurrencyLimit

REMEMBERED = 64
"""Requests by which the time of one is judged: enough for a mean, few enough to follow a change."""

_UNBOUNDED = Bounds(sys.maxsize, 0)
"""The gate itself makes room: whoever joins may be more urgent than others, who then have to leave."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The request may go."""

    place: Place
    at: float
    """When, by the loop's clock."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One request at the gate, from its first header to its end."""

    asking: Asking
    number: int
    """The later ones have the higher."""
    came: float
    """When, by the loop's clock."""
    verdict: asyncio.Future[Admission | Refusal] = field(repr=False)


class Gate:
    """Every ticket that was drawn by `ask` must go back by `leave`."""

    def __init__(self, service: str, limit: ConcurrencyLimit) -> None:
        """`service`: its name, for people."""
        self._service = service
        self._limit = limit
        self._open = False
        self._slots = Slots()
        self._line = Line()
        self._waiting: dict[int, Ticket] = {}
        """By number: all in the line."""
        self._numbers = itertools.count()
        self._durations: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._line)

    @property
    def taken(self) -> int:
        """Requests that went through and have not ended."""
        return self._slots.taken

    def follow(
        self, limit: ConcurrencyLimit, seats: Mapping[int, Seat], elsewhere: frozenset[int], *, choosing: bool
    ) -> None:
        """The limit and the replicas are these from now on; see Slots."""
        self._limit = limit
        self._slots.follow(limit.per_replica, seats, elsewhere, choosing=choosing)
        self._serve()

    def heed(self, in_flight: Mapping[int, int]) -> None:
        """What the proxy has just counted, by replica."""
        self._slots.heed(in_flight)
        self._serve()

    def open(self) -> None:
        """Let everybody through from now on: the limit was lifted."""
        self._open = True
        while (first := self._line.take()) is not None:
            self._decide(first, Admission(None, _now()))

    def ask(self, asking: Asking) -> Ticket:
        """Draw a ticket. Its verdict may be there at once."""
        ticket = Ticket(asking, next(self._numbers), _now(), asyncio.get_running_loop().create_future())
        if self._open:
            ticket.verdict.set_result(Admission(None, ticket.came))
            return ticket
        self._waiting[ticket.number] = ticket
        self._line.join(PlaceInLine(ticket.number, ticket.came, math.inf, asking.priority), _UNBOUNDED)
        self._serve()
        return ticket

    async def verdict(self, ticket: Ticket) -> Admission | Refusal:
        """Wait for the ticket's turn, as long as the service and the client let it."""
        while not ticket.verdict.done() and (left := ticket.came + self.patience(ticket) - _now()) > 0:
            await asyncio.wait([ticket.verdict], timeout=left)
        if not ticket.verdict.done():
            self._forget(ticket)
            ticket.verdict.set_result(self._late(ticket))
        return ticket.verdict.result()

    def leave(self, ticket: Ticket) -> None:
        """The request has ended, or nobody waits for it any more."""
        self._forget(ticket)
        if not ticket.verdict.done() or not isinstance(admission := ticket.verdict.result(), Admission):
            return
        if not self._open:
            self._durations.append(_now() - admission.at)
            self._slots.give_back(admission.place)
            self._serve()

    def patience(self, ticket: Ticket) -> float:
        """Seconds that the ticket may wait, all in all."""
        given = ticket.asking.patience
        return self._limit.seconds if given is None else min(given, self._limit.seconds)

    def _serve(self) -> None:
        """Let through whom there is a place for, and turn away those whom there is no room to wait for."""
        while self._slots.free > 0 and (first := self._line.take()) is not None:
            self._decide(first, Admission(self._slots.take(), _now()))
        while self.waiting > self._limit.queued and (last := self._line.last()) is not None:
            self._decide(last, full(self._crowd()))

    def _decide(self, place: PlaceInLine, verdict: Admission | Refusal) -> None:
        self._waiting.pop(place.id).verdict.set_result(verdict)

    def _forget(self, ticket: Ticket) -> None:
        if self._line.leave(ticket.number):
            del self._waiting[ticket.number]

    def _late(self, ticket: Ticket) -> Refusal:
        patience = self.patience(ticket)
        why = past_deadline if ticket.asking.patience == patience else too_late
        return why(self._crowd(), patience)

    def _crowd(self) -> Crowd:
        durations = self._durations
        mean = sum(durations) / len(durations) if durations else self._limit.seconds
        return Crowd(self._service, self._slots.total, self.waiting, mean)


def _now() -> float:
    return asyncio.get_running_loop().time()
