"""When those who wait go on: as replicas have room, and no faster, so that a replica that has just come up is not
overrun by all at once."""

import asyncio
from collections import deque
from collections.abc import Sequence

from skyserve.endpoint.admin import Host
from skyserve.endpoint.waiting.room import WaitingRoom

ON_THE_WAY_SECONDS = 1.0
"""Whoever was released and is not at a replica by then has gone, or is back."""


class Crossing:
    """Those of one service who were released and are not yet seen at a replica."""

    def __init__(self) -> None:
        self._left: deque[float] = deque()
        """When each of them was released."""
        self._begun = 0

    def room(self, hosts: Sequence[Host], at_once: int, now: float) -> int:
        """How many more may go. Whatever has newly begun at the replicas is taken to be one of those released: who came
        by another way is in flight there too."""
        begun = sum(host.begun for host in hosts)
        for _ in range(min(len(self._left), max(0, begun - self._begun))):
            self._left.popleft()
        self._begun = begun
        while self._left and self._left[0] <= now - ON_THE_WAY_SECONDS:
            self._left.popleft()
        free = sum(max(0, at_once - host.in_flight) for host in hosts if host.routable)
        return max(0, free - len(self._left))

    def went(self, number: int, now: float) -> None:
        """So many were released."""
        self._left.extend([now] * number)


class Doorman:
    """Looks at the replicas of each service for which somebody waits."""

    def __init__(self, room: WaitingRoom) -> None:
        self._room = room
        self._crossings: dict[int, Crossing] = {}

    def look(self, service_id: int, hosts: Sequence[Host], at_once: int) -> None:
        """Release as many as these have room for. `at_once`: requests that each may have in flight."""
        now = asyncio.get_running_loop().time()
        crossing = self._crossings.setdefault(service_id, Crossing())
        free = crossing.room(hosts, at_once, now)
        crossing.went(self._room.release(service_id, free), now)

    def forget(self, service_id: int) -> None:
        """The service is gone."""
        self._crossings.pop(service_id, None)
