"""Which replica each request of a service goes to whose regions are filled in order, and whose replicas have no limit.

Nobody waits here: where no replica is known, the proxy chooses, or has the request wait in the waiting room.
"""

import sys
from collections.abc import Mapping

from skyserve.endpoint.gate.slots import Place, Seat, Slots


class Guide:
    """Every place that `lead` gave must go back by `leave`."""

    def __init__(self) -> None:
        self._slots = Slots()
        self._percent: int | None = None
        """Share of the requests that is due to canaries; None: all replicas are alike."""
        self._owed = 0
        """Percent of a request that canaries have not had yet."""

    @property
    def taken(self) -> int:
        """Requests that were led to a replica and have not ended."""
        return self._slots.taken

    def follow(self, seats: Mapping[int, Seat], canary_percent: int | None = None) -> None:
        """The replicas are these from now on, and the requests are split so."""
        self._percent = canary_percent
        self._slots.follow(sys.maxsize, seats, (), choosing=True)

    def heed(self, in_flight: Mapping[int, int]) -> None:
        """What the proxy has just counted, by replica. Requests come by other ways than this one, too: retries, and
        those that waited while there was no replica."""
        self._slots.recount(in_flight)

    def lead(self) -> Place:
        """The replica for one request."""
        return self._slots.take(self._kind()) if self._slots.total else None

    def leave(self, place: Place) -> None:
        """The request has ended."""
        if place is not None:
            self._slots.give_back(place)

    def _kind(self) -> bool | None:
        """Whether a canary is next, in turns that come up to the share exactly."""
        if self._percent is None:
            return None
        self._owed += self._percent
        canary = self._owed >= 100
        self._owed -= 100 * canary
        return canary
