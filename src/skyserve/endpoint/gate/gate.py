"""The gate of one service: who may go now, who waits, and for how long."""

import asyncio
import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from skyserve.endpoint.gate.asking import Asking
from skyserve.endpoint.gate.refusal import Crowd, Refusal, full, hopeless, past_deadline, too_late
from skyserve.endpoint.gate.slots import Place, Seat, Slots
from skyserve.endpoint.translate.gate import GRACE_SECONDS, LONGEST_SECONDS
from skyserve.endpoint.translate.waiting import waiting_place
from skyserve.endpoint.waiting.line import Bounds, Line
from skyserve.endpoint.waiting.line import Ticket as PlaceInLine
from skyserve.endpoint.waits import End, WaitTally
from skyserve.model.endpoint import ConcurrencyLimit
from skyserve.model.route import RouteTable

REMEMBERED = 64
"""Requests by which the time of one is judged: enough for a mean, few enough to follow a change."""

LONGEST_WAIT_SECONDS = LONGEST_SECONDS - GRACE_SECONDS
"""However long the service would let a request wait."""


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
    queued: bool = False
    """There was no place for it when it came."""


class Gate:
    """Every ticket that was drawn by `ask` must go back by `leave`, or by `excuse` while it is queued."""

    def __init__(self, table: RouteTable, on_held: Callable[[], None]) -> None:
        """`on_held` is called when a request begins to wait and there is no replica."""
        self._table = table
        self._on_held = on_held
        self._open = False
        self._slots = Slots()
        self._heard = False
        """What there is of replicas is known."""
        self._line = Line()
        self._waiting: dict[int, Ticket] = {}
        """By number: all in the line."""
        self._numbers = itertools.count()
        self._durations: deque[float] = deque(maxlen=REMEMBERED)
        self.waits = WaitTally()

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._line)

    @property
    def room(self) -> str | None:
        """The waiting room, as the proxy calls it, where clients are kept company; None: the service has none."""
        return waiting_place(self._table.service_id) if self._table.settings.hold_seconds else None

    @property
    def taken(self) -> int:
        """Requests that went through and have not ended."""
        return self._slots.taken

    def follow(
        self, table: RouteTable, seats: Mapping[int, Seat], elsewhere: frozenset[int], *, choosing: bool
    ) -> None:
        """The service and its replicas are these from now on; see Slots."""
        self._table = table
        self._slots.follow(self._limit.per_replica, seats, elsewhere, choosing=choosing)
        self._serve()

    def heed(self, in_flight: Mapping[int, int]) -> None:
        """What the proxy has just counted, by replica."""
        self._heard = True
        self._slots.heed(in_flight)
        self._serve()

    def open(self) -> None:
        """Let everybody through from now on: the limit was lifted."""
        self._open = True
        while (first := self._line.take()) is not None:
            self._decide(first, Admission(None, _now()), End.RELEASED)

    def ask(self, asking: Asking) -> Ticket:
        """Draw a ticket. Its verdict may be there at once."""
        ticket = Ticket(asking, next(self._numbers), _now(), asyncio.get_running_loop().create_future())
        if self._open:
            ticket.verdict.set_result(Admission(None, ticket.came))
            return ticket
        self._waiting[ticket.number] = ticket
        room = self._room + max(0, self._slots.free)
        # Whoever joins may be more urgent than others, who then have to leave.
        for left in self._line.join(
            PlaceInLine(ticket.number, ticket.came, math.inf, asking.priority), Bounds(room, 0)
        ):
            self._decide(left, full(self._crowd()), End.FULL)
        self._serve()
        ticket.queued = not ticket.verdict.done()
        if self._closed and ticket.queued:
            self._on_held()
        return ticket

    def excuse(self, ticket: Ticket) -> None:
        """The request goes to wait where it is kept company, whence it asks again."""
        self._forget(ticket)

    async def verdict(self, ticket: Ticket) -> Admission | Refusal:
        """Wait for the ticket's turn, as long as the service and the client let it."""
        while not ticket.verdict.done() and (left := ticket.came + self.patience(ticket) - _now()) > 0:
            await asyncio.wait([ticket.verdict], timeout=left)
        if not ticket.verdict.done():
            self._late(ticket)
        return ticket.verdict.result()

    def leave(self, ticket: Ticket) -> None:
        """The request has ended, or nobody waits for it any more."""
        if not ticket.verdict.done():
            self._forget(ticket)
            self._count(ticket, End.GONE)
            return
        if not isinstance(admission := ticket.verdict.result(), Admission):
            return
        if not self._open:
            self._durations.append(_now() - admission.at)
            self._slots.give_back(admission.place)
            self._serve()

    def patience(self, ticket: Ticket) -> float:
        """Seconds that the ticket may wait, all in all."""
        most = self._table.settings.hold_seconds if self._closed else self._limit.seconds
        return min(most, LONGEST_WAIT_SECONDS, math.inf if ticket.asking.patience is None else ticket.asking.patience)

    @property
    def _limit(self) -> ConcurrencyLimit:
        limit = self._table.settings.concurrency
        assert limit is not None, "a gate is opened when its service has no limit any more"
        return limit

    @property
    def _closed(self) -> bool:
        """There is no replica, for all that is known."""
        return self._heard and not self._slots.total

    @property
    def _room(self) -> int:
        """How many may wait. It is asked of who joins: who has been let in stays, whatever changes."""
        return self._table.settings.max_held_requests if self._closed else self._limit.queued

    def _serve(self) -> None:
        """Let through whom there is a place for."""
        while self._slots.free > 0 and (first := self._line.take()) is not None:
            self._decide(first, Admission(self._slots.take(), _now()), End.RELEASED)
        if self._closed and self._table.prospect.hopeless:
            while (first := self._line.take()) is not None:
                self._decide(first, hopeless(self._crowd()), End.HOPELESS)

    def _decide(self, place: PlaceInLine, verdict: Admission | Refusal, end: End) -> None:
        ticket = self._waiting.pop(place.id)
        ticket.verdict.set_result(verdict)
        self._count(ticket, end)

    def _count(self, ticket: Ticket, end: End) -> None:
        """Who found a place at once has not waited."""
        if ticket.queued or end is not End.RELEASED:
            self.waits.ended(end, _now() - ticket.came)

    def _forget(self, ticket: Ticket) -> None:
        if self._line.leave(ticket.number):
            del self._waiting[ticket.number]

    def _late(self, ticket: Ticket) -> None:
        self._forget(ticket)
        patience = self.patience(ticket)
        own = ticket.asking.patience == patience
        ticket.verdict.set_result((past_deadline if own else too_late)(self._crowd(), patience))
        self._count(ticket, End.DEADLINE if own else End.TIMED_OUT)

    def _crowd(self) -> Crowd:
        durations = self._durations
        mean = sum(durations) / len(durations) if durations else self._limit.seconds
        return Crowd(self._table.name, self._slots.total, self.waiting, mean, self._table.prospect, time.time())


def _now() -> float:
    return asyncio.get_running_loop().time()
