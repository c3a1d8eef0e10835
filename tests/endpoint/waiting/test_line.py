"""The line of those who wait, against a list that is sorted anew each time."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from skyserve.endpoint.waiting.line import Bounds, Line, Ticket

BOUNDS = Bounds(number=20, bytes=500)


class Waiting(RuleBasedStateMachine):
    """Whoever joins, leaves, is taken or is late."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()
        self.model: list[Ticket] = []
        self.now = 0.0
        self.ids = 0

    @rule(
        back=st.floats(0, 5),
        patience=st.floats(0, 10),
        priority=st.integers(-1, 2),
        size=st.integers(0, 100),
    )
    def join(self, back: float, patience: float, priority: int, size: int) -> None:
        """One more; where there is no room the last have to leave. Some arrived earlier than they join."""
        self.ids += 1
        ticket = Ticket(self.ids, self.now - back, self.now + patience, priority, size)
        kept = sorted([*self.model, ticket], key=lambda t: (-t.priority, t.arrived, t.id))
        left = []
        while len(kept) > BOUNDS.number or sum(t.bytes for t in kept) > BOUNDS.bytes:
            left.append(kept.pop())
        assert self.line.join(ticket, BOUNDS) == left
        self.model = kept

    @rule()
    def take(self) -> None:
        """The first by priority, then by arrival."""
        first = min(self.model, key=lambda t: (-t.priority, t.arrived, t.id), default=None)
        assert self.line.take() == first
        if first is not None:
            self.model.remove(first)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """One goes away, wherever it stands, and only once."""
        ticket = data.draw(st.sampled_from(self.model))
        self.model.remove(ticket)
        assert self.line.leave(ticket.id) == ticket
        assert self.line.leave(ticket.id) is None

    @rule(seconds=st.floats(0, 4))
    def expire(self, seconds: float) -> None:
        """Time passes; exactly those go whose deadline has come, the earliest first."""
        self.now += seconds
        late = sorted((t for t in self.model if t.deadline <= self.now), key=lambda t: (t.deadline, t.id))
        assert self.line.expire(self.now) == late
        self.model = [t for t in self.model if t.deadline > self.now]

    @invariant()
    def counts_are_right(self) -> None:
        """Number, bytes and next deadline are those of who waits."""
        assert len(self.line) == len(self.model)
        assert self.line.bytes == sum(t.bytes for t in self.model)
        assert self.line.next_deadline() == min((t.deadline for t in self.model), default=None)


def test_bounds_hold_for_who_joins() -> None:
    """Nobody who waits has to leave since bounds were lowered, or for one who asks for more than there can be."""
    line = Line()
    waiting = [Ticket(number, 10.0 + number, 1e9, bytes=10) for number in range(3)]
    for ticket in waiting:
        assert line.join(ticket, Bounds(3, 30)) == []

    early, late, large = (Ticket(9, arrived, 1e9, bytes=size) for arrived, size in ((0.0, 10), (99.0, 10), (0.0, 31)))
    assert line.join(large, Bounds(9, 30)) == [large]
    assert line.join(late, Bounds(1, 10)) == [late]
    assert line.join(early, Bounds(1, 10)) == [waiting[2]]
    assert len(line) == 3


TestWaiting = Waiting.TestCase
TestWaiting.settings = settings(max_examples=30, deadline=None)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.booleans(), min_size=300, max_size=1000))
def test_who_left_is_forgotten(early: list[bool]) -> None:
    """Requests that come and go while one waits for long leave nothing behind that grows."""
    line = Line()
    line.join(Ticket(0, 0.0, 1e9, priority=-1), BOUNDS)
    for number, leaves in enumerate(early, 1):
        line.join(Ticket(number, number, 1e9), BOUNDS)
        assert (line.leave(number) if leaves else line.take()) is not None
        assert len(line._places) + len(line._last_places) + len(line._deadlines) < 300
    assert line.take() == Ticket(0, 0.0, 1e9, priority=-1)
