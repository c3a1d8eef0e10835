"""Who has how many requests, and which replica the next one goes to. No I/O, no clock."""

import itertools
import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from skyserve.model.place import Address


@dataclass(frozen=True, slots=True)
class Seat:
    """A replica that takes requests."""

    replica_id: int
    address: Address
    weight: float = 1.0
    """How much it gets beside the others, as long as none is full."""
    rank: int = 0
    """Those of the lowest rank come first."""
    spill_at: float = math.inf
    """Requests at it from which its rank counts for nothing."""
    canary: bool = False
    """It is of the kind that gets a share of the requests while these are split."""


Place = Seat | None
"""Where a request was let through to; None: the proxy chose."""


class Slots:
    """The places of one service: as many at each replica as the limit says.

    Requests that were there before the gate are strangers: the proxy counts them, the gate does not know when they end.
    Their number, by replica, is what the proxy counts beyond those let through here, and only ever falls: the proxy's
    count is a little older than ours, and must not make strangers of those that have just ended.
    """

    def __init__(self) -> None:
        self._limit = 0
        self._seats: Mapping[int, Seat] = {}
        self._elsewhere: Collection[int] = ()
        self._choosing = True
        self._taken: Counter[int | None] = Counter()
        """By replica; None: by those that the proxy sent somewhere."""
        self._strangers: dict[int | None, int] = {}
        """By replica; None: all together, where the proxy chooses."""
        self._beyond: Mapping[int, int] = {}
        """By replica: what the proxy last counted beyond ours."""
        self._turns = itertools.count(1)
        self._last_turn: Counter[int] = Counter()

    @property
    def total(self) -> int:
        """All places there are."""
        return self._limit * len(self._seats)

    @property
    def taken(self) -> int:
        """Requests under way that were let through here."""
        return self._taken.total()

    @property
    def free(self) -> int:
        """How many more may go; below 0 after replicas have gone. Those under way at a replica that takes no new ones
        stay with it, and are no burden to the others; those of one that is gone were sent on to the others."""
        staying = sum(self._taken[replica_id] for replica_id in self._elsewhere)
        return self.total - (self.taken - staying) - sum(self._strangers.values())

    def follow(self, limit: int, seats: Mapping[int, Seat], elsewhere: Collection[int], *, choosing: bool) -> None:
        """The replicas are these from now on. `elsewhere`: ids of those that are there, and take no new requests.
        `choosing`: each request is told its replica; else the proxy chooses."""
        if choosing != self._choosing:
            self._strangers = {}
        self._limit, self._seats, self._elsewhere, self._choosing = limit, seats, frozenset(elsewhere), choosing
        for gone in [i for i in self._strangers if i is not None and i not in seats]:
            del self._strangers[gone]
        for gone in [i for i in self._last_turn if i not in seats]:
            del self._last_turn[gone]

    def heed(self, in_flight: Mapping[int, int]) -> None:
        """What the proxy has just counted, by replica."""
        counted: dict[int | None, tuple[int, int]] = {None: (sum(in_flight.values()), self.taken)}
        if self._choosing:
            counted = {i: (in_flight.get(i, 0), self._taken[i]) for i in self._seats}
        for key, (seen, ours) in counted.items():
            beyond = max(0, seen - ours)
            self._strangers[key] = min(self._strangers.get(key, beyond), beyond)

    def recount(self, in_flight: Mapping[int, int]) -> None:
        """As `heed`, where there may be new strangers at any time: as many as two counts in a row tell of, since a
        request that has just ended is in one of them."""
        before = self._beyond
        self._beyond = {i: max(0, in_flight.get(i, 0) - self._taken[i]) for i in self._seats}
        self._strangers = {i: min(beyond, before.get(i, beyond)) for i, beyond in self._beyond.items()}

    def take(self, canary: bool | None = None) -> Place:
        """A place for one request, at a replica of that kind where one of it has any; None: of either. There must be a
        free one."""
        if not self._choosing:
            self._taken[None] += 1
            return None
        free = [seat for seat in self._seats.values() if self._load(seat) < self._limit]
        seat = min([s for s in free if canary is None or s.canary == canary] or free, key=self._order)
        self._taken[seat.replica_id] += 1
        self._last_turn[seat.replica_id] = next(self._turns)
        return seat

    def give_back(self, place: Place) -> None:
        """The request has ended."""
        key = None if place is None else place.replica_id
        self._taken[key] -= 1
        if not self._taken[key]:
            del self._taken[key]

    def _load(self, seat: Seat) -> int:
        return self._taken[seat.replica_id] + self._strangers.get(seat.replica_id, 0)

    def _order(self, seat: Seat) -> tuple[float, float, int]:
        """The lowest rank that has room; of those the emptiest for what it can take, and then the one whose last turn
        is longest ago."""
        load = self._load(seat)
        rank = seat.rank if load < seat.spill_at else math.inf
        return rank, (load + 1) / seat.weight, self._last_turn[seat.replica_id]
