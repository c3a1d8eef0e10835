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

    @property
    def taken(self) -> int:
        """Requests that were led to a replica and have not ended."""
        return self._slots.taken

    def follow(self, seats: Mapping[int, Seat]) -> None:
        """The replicas are these from now on."""
        self._slots.follow(sys.maxsize, seats, (), choosing=True)

    def heed(self, in_flight: Mapping[int, int]) -> None:
        """What the proxy has just counted, by replica. Requests come by other ways than this one, too: retries, and
        those that waited while there was no replica."""
        self._slots.recount(in_flight)

    def lead(self) -> Place:
        """The replica for one request."""
        return self._slots.take() if self._slots.total else None

    def leave(self, place: Place) -> None:
        """The request has ended."""
        if place is not None:
            self._slots.give_back(place)
