"""Those who wait for one service."""

import asyncio
import itertools
import time
from collections import deque

from skyserve.endpoint.waiting.answers import error
from skyserve.endpoint.waiting.company import Accompanied
from skyserve.endpoint.waiting.line import Bounds, Line, Ticket
from skyserve.endpoint.waiting.visitor import Visitor
from skyserve.endpoint.waits import End, WaitTally
from skyserve.model.route import RouteTable
from skyserve.policy.prospects import retry_after

MOST_BYTES = 2**30
"""Of bodies, as they are announced: Envoy and the clients keep them meanwhile."""
RETURN_SECONDS = 30.0
"""Who comes back within this time keeps its deadline; who comes later has been at a replica meanwhile, and waits
anew."""
UNAVAILABLE, FULL = "no_ready_replica", "too_many_waiting"


class Hall:
    """Lets them in, and out again."""

    def __init__(self, table: RouteTable) -> None:
        self._table = table
        self._line = Line()
        self._visitors: dict[int, Visitor] = {}
        self._numbers = itertools.count()
        self._released: dict[tuple[str, str], float] = {}
        """By key of who was released lately: its deadline."""
        self._releases: deque[tuple[float, tuple[str, str]]] = deque()
        """When each of them was."""
        self._timer: asyncio.TimerHandle | None = None
        self.waits = WaitTally()
        self._carried = 0
        """Bytes of the bodies that are kept here until the request is answered."""

    def __len__(self) -> int:
        return len(self._line)

    def learn(self, table: RouteTable) -> None:
        """What is said of the service from now on."""
        self._table = table
        if table.prospect.hopeless:
            while (ticket := self._line.take()) is not None:
                self._refuse(self._visitors.pop(ticket.id), End.HOPELESS, self._hopeless())

    def enter(self, visitor: Visitor) -> bool:
        """Whether it waits now; if not, it has been told why."""
        settings = self._table.settings
        now = asyncio.get_running_loop().time()
        deadline = self._deadline(visitor, now, settings.hold_seconds)
        ticket = Ticket(next(self._numbers), visitor.arrived, deadline, bytes=visitor.bytes)
        visitor.came = now
        if self._table.prospect.hopeless:
            self._refuse(visitor, End.HOPELESS, self._hopeless())
            return False
        self._visitors[ticket.id] = visitor
        bounds = Bounds(settings.max_held_requests, max(0, MOST_BYTES - self._carried))
        # Who comes back after a restart of the controller goes before others who were quicker.
        for left in self._line.join(ticket, bounds):
            words = f"{len(self)} requests wait for a replica of service '{self._name}' already."
            self._refuse(self._visitors.pop(left.id), End.FULL, words)
        if ticket.id not in self._visitors:
            return False
        visitor.stream.on_gone = lambda: self._leave(ticket.id, visitor)
        visitor.entered()
        self._watch()
        return True

    def release(self, number: int) -> int:
        """Let the first so many go on to a replica. Returns how many there were."""
        now = asyncio.get_running_loop().time()
        while self._releases and self._releases[0][0] <= now - RETURN_SECONDS:
            self._released.pop(self._releases.popleft()[1], None)
        for done in range(number):
            ticket = self._line.take()
            if ticket is None:
                return done
            visitor = self._visitors.pop(ticket.id)
            self._count(visitor, End.RELEASED)
            self._released[visitor.key] = ticket.deadline
            self._releases.append((now, visitor.key))
            words = f"No replica of service '{self._name}' took the request."
            seconds = retry_after(self._table.prospect, time.time())
            answer = error(UNAVAILABLE, words, visitor.request_id, seconds, release=True)
            self._carry(visitor, visitor.release(answer))
        return number

    def close(self) -> None:
        """The service is gone, and nobody needs to wait for it."""
        while (ticket := self._line.take()) is not None:
            self._refuse(self._visitors.pop(ticket.id), End.HOPELESS, f"Service '{self._name}' is gone.")
        if self._timer is not None:
            self._timer.cancel()

    def bring(self, visitor: Accompanied) -> None:
        """Keep somebody company who waits at the service's gate and not here."""
        visitor.came = asyncio.get_running_loop().time()
        if self._carried + visitor.bytes > MOST_BYTES:
            self._refuse(visitor, End.FULL, f"Too many requests wait for a replica of service '{self._name}' already.")
            return
        visitor.stream.on_gone = visitor.gone
        visitor.entered()
        self._carry(visitor, visitor.bring())

    @property
    def gated(self) -> bool:
        """Requests wait at a gate, for a place at a replica. Who was let through has a place until it has ended, and
        does not ask for company any more."""
        return self._table.settings.concurrency is not None

    @property
    def port(self) -> tuple[str, int]:
        """Of the service: what is spoken there, and its number."""
        return "http" if self._table.settings.tls is None else "https", self._table.port

    @property
    def _name(self) -> str:
        return self._table.name

    def _carry(self, visitor: Visitor, until: asyncio.Task[None] | None) -> None:
        """Its body is kept here, if it is, until that is done."""
        if until is not None:
            self._carried += visitor.bytes
            until.add_done_callback(lambda _: self._put_down(visitor))

    def _put_down(self, visitor: Visitor) -> None:
        self._carried -= visitor.bytes

    def _hopeless(self) -> str:
        return f"No replica of service '{self._name}' will come: {self._table.prospect.hopeless}."

    def _deadline(self, visitor: Visitor, now: float, seconds: float) -> float:
        return self._released.pop(visitor.key, now + seconds)

    def _leave(self, ticket_id: int, visitor: Visitor) -> None:
        visitor.gone()
        if self._line.leave(ticket_id) is not None:
            del self._visitors[ticket_id]
            self._count(visitor, End.GONE)

    def _count(self, visitor: Visitor, end: End) -> None:
        self.waits.ended(end, asyncio.get_running_loop().time() - visitor.came)

    def _refuse(self, visitor: Visitor, end: End, words: str) -> None:
        self._count(visitor, end)
        kind = FULL if end is End.FULL else UNAVAILABLE
        words = f"{words} To see why: sky serve status {self._name}"
        visitor.refuse(error(kind, words, visitor.request_id, retry_after(self._table.prospect, time.time())))

    def _watch(self) -> None:
        """Look when the first deadline comes."""
        due = self._line.next_deadline()
        if due is not None and (self._timer is None or self._timer.cancelled() or due < self._timer.when()):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(due, self._expire)

    def _expire(self) -> None:
        self._timer = None
        words = f"No replica of service '{self._name}' was ready in time."
        for ticket in self._line.expire(asyncio.get_running_loop().time()):
            self._refuse(self._visitors.pop(ticket.id), End.TIMED_OUT, words)
        self._watch()
