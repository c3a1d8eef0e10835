"""Those who wait, in the order in which they go on: higher priority first, of equals who arrived first.

The line is bounded in number and in bytes, and each who waits has a deadline. It knows no clock and no connection:
times are told to it, and who waits is a number that whoever keeps the line has given out. Joining, leaving and taking
cost the logarithm of how many wait.
"""

import heapq
from dataclasses import dataclass

_SLACK = 64
"""Entries of those who left that are kept at most beyond as many as wait."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One who waits. Times are of any one clock, in seconds."""

    id: int
    """Of all in the line none other has it."""
    arrived: float
    """Who comes back with the same time gets the old place."""
    deadline: float
    """At this time it has waited for too long."""
    priority: int = 0
    """The higher one goes first, however late it came."""
    bytes: int = 0
    """What it keeps occupied while it waits."""

    @property
    def place(self) -> tuple[int, float, int]:
        """Sorts tickets, the first to go first."""
        return -self.priority, self.arrived, self.id


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait at once."""

    number: int
    bytes: int


class Line:
    """All who wait for the same thing."""

    def __init__(self) -> None:
        self._waiting: dict[int, Ticket] = {}
        self._places: list[tuple[int, float, int]] = []
        """A heap. Those who left stay in it until they come to its top, or are too many; likewise below."""
        self._last_places: list[tuple[int, float, int]] = []
        """The same backwards."""
        self._deadlines: list[tuple[float, int]] = []
        self.bytes = 0
        """What all of them keep occupied."""

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, ticket: Ticket, bounds: Bounds) -> list[Ticket]:
        """Let it wait. Returns who had to leave for it, if the line is full: those whose turn would have come last,
        which may be the one that joined. Nobody has to leave because bounds were lowered, or for one that they never
        allow."""
        if ticket.bytes > bounds.bytes:
            return [ticket]
        number, size = max(bounds.number, len(self)), max(bounds.bytes, self.bytes)
        self._waiting[ticket.id] = ticket
        self.bytes += ticket.bytes
        heapq.heappush(self._places, ticket.place)
        heapq.heappush(self._last_places, _backwards(ticket.place))
        heapq.heappush(self._deadlines, (ticket.deadline, ticket.id))
        left = []
        while len(self) > number or self.bytes > size:
            left.append(self._last())
        return left

    def take(self) -> Ticket | None:
        """Remove and return the first; None if nobody waits."""
        while self._places:
            ticket = self.leave(heapq.heappop(self._places)[-1])
            if ticket is not None:
                return ticket
        return None

    def leave(self, ticket_id: int) -> Ticket | None:
        """Remove one wherever it stands; None if it does not wait."""
        ticket = self._waiting.pop(ticket_id, None)
        if ticket is not None:
            self.bytes -= ticket.bytes
            self._tidy()
        return ticket

    def expire(self, now: float) -> list[Ticket]:
        """Remove and return those whose deadline has come, the earliest first."""
        late = []
        while (due := self.next_deadline()) is not None and due <= now:
            ticket = self.leave(heapq.heappop(self._deadlines)[-1])
            assert ticket is not None, "next_deadline leaves one on top that waits"
            late.append(ticket)
        return late

    def next_deadline(self) -> float | None:
        """The earliest of all; None if nobody waits."""
        while self._deadlines and self._deadlines[0][-1] not in self._waiting:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def _last(self) -> Ticket:
        """Remove and return the one whose turn would come after all others'. Somebody must wait."""
        while (ticket := self.leave(-heapq.heappop(self._last_places)[-1])) is None:
            pass
        return ticket

    def _tidy(self) -> None:
        """Forget those who left once they are the most."""
        most = 2 * len(self._waiting) + _SLACK
        if len(self._places) > most:
            self._places = [ticket.place for ticket in self._waiting.values()]
            heapq.heapify(self._places)
        if len(self._last_places) > most:
            self._last_places = [_backwards(ticket.place) for ticket in self._waiting.values()]
            heapq.heapify(self._last_places)
        if len(self._deadlines) > most:
            self._deadlines = [(ticket.deadline, ticket.id) for ticket in self._waiting.values()]
            heapq.heapify(self._deadlines)


def _backwards(place: tuple[int, float, int]) -> tuple[int, float, int]:
    """Sorts in the other direction."""
    urgency, arrived, number = place
    return -urgency, -arrived, -number
