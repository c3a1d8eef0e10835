"""Requests at the endpoint and in the queues of replicas.

The endpoint gives each request to the replica with the fewest in flight, or to the next one in turn. A replica answers
so many at a time, in the order in which they came. Where no replica is routed the request is refused, and whoever sent
it asks again, until its patience is spent. What a replica that is lost was answering is cut.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace
from itertools import accumulate
from math import inf

from skyserve.endpoint.translate.local_reply import RETRY_AFTER_SECONDS
from skyserve.model.load import FIRST_BYTE_BOUNDS, Load
from skyserve.model.route import Backend
from skyserve.model.service import LoadBalancingPolicy
from skyserve.sim.requests.engine import Engine
from skyserve.sim.requests.trace import RequestTrace

REFUSED, CUT = -1.0, -2.0
"""What stands for the first byte of a request that got none: nothing was there to take it, or its replica was lost."""


@dataclass(slots=True, eq=False)
class _Server:
    """A replica's places and what waits for them."""

    id: int
    weight: float
    """How much it can take beside the others."""
    free: list[float]
    """When each place is free, as a heap."""
    ends: dict[int, float] = field(default_factory=dict)
    """For each request in flight, waiting ones too, when it will be answered."""


class Traffic:
    """All requests of one run. Times in seconds from its beginning."""

    def __init__(
        self, trace: RequestTrace, engine: Engine, policy: LoadBalancingPolicy, patience: float, heaviest: float = 1.0
    ) -> None:
        """`heaviest`: weight of the replicas that have all the engine's places; others have as many fewer."""
        count = len(trace.at)
        self._heaviest = heaviest
        self.trace, self.engine, self.patience = trace, engine, patience
        self.first = array("d", [REFUSED]) * count
        """Seconds from when each request came to its first byte; REFUSED or CUT."""
        self.whole = array("d", [REFUSED]) * count
        """The same to its last byte."""
        self.waited = array("d", [0.0]) * count
        """The same to when it had a place; for those refused, how long they kept asking."""
        self.asked_again = bytearray(count)
        """1 for each that was refused at first."""
        self._prefill, self._service = engine.first_byte(trace), engine.whole(trace)
        self._pick = self._next_in_turn if policy is LoadBalancingPolicy.ROUND_ROBIN else self._least_load
        self._servers: dict[int, _Server] = {}
        self._routed: list[_Server] = []
        self._turn = self._next = 0
        self._departures: list[tuple[float, int, _Server, int]] = []
        """(when, which request, from where, index of the bound of its first byte)."""
        self._again: list[tuple[float, int]] = []
        self._arrived = self._refused = self._in_flight = 0
        self._entered = self._left = 0.0
        """Sums of the moments at which requests went in flight, and ceased to be."""
        self._first_bytes = [0] * (len(FIRST_BYTE_BOUNDS) + 1)
        """Answers that ended, by the bound within which they began; the last are those beyond all bounds."""

    def route(self, backends: Iterable[Backend]) -> None:
        """New requests go to those that do not drain; those may finish what they have."""
        known, self._routed = self._servers, []
        self._servers = {}
        for backend in backends:
            server = known.pop(backend.replica_id, None) or self._server(backend)
            self._servers[server.id] = server
            if not backend.draining:
                self._routed.append(server)
        self._servers.update((server.id, server) for server in known.values() if server.ends)

    def _server(self, backend: Backend) -> _Server:
        places = max(1, round(self.engine.places * backend.weight / self._heaviest))
        return _Server(backend.replica_id, backend.weight, [0.0] * places)

    def lose(self, replica_id: int, now: float) -> None:
        """The replica is no more, and with it the answers it was giving."""
        server = self._servers.pop(replica_id, None)
        if server is None:
            return
        self._routed = [other for other in self._routed if other is not server]
        for number in server.ends:
            self.first[number] = self.whole[number] = CUT
        self._in_flight -= len(server.ends)
        self._left += now * len(server.ends)
        self._departures = [entry for entry in self._departures if entry[2] is not server]
        heapify(self._departures)

    def idle_at(self, replica_id: int) -> float:
        """When a replica that gets nothing new will have answered all."""
        server = self._servers.get(replica_id)
        return max(server.ends.values(), default=0.0) if server else 0.0

    def in_flight(self, replica_id: int) -> int:
        """Requests that the replica has, waiting ones too."""
        server = self._servers.get(replica_id)
        return len(server.ends) if server else 0

    @property
    def refuses(self) -> bool:
        """Whether there is no replica to take a request."""
        return not self._routed

    @property
    def next_at(self) -> float:
        """When somebody asks next."""
        fresh = self.trace.at[self._next] if self._next < len(self.trace.at) else inf
        return min(fresh, self._again[0][0] if self._again else inf)

    def load(self, now: float) -> Load:
        """As the endpoint counts it."""
        busy = self._left - self._entered + self._in_flight * now
        within = tuple(accumulate(self._first_bytes[:-1]))
        return Load(self._arrived, self._refused, max(0.0, busy), self._in_flight, within)

    def came_between(self, begin: float, end: float) -> range:
        """Numbers of the requests that came then."""
        return range(bisect_left(self.trace.at, begin), bisect_left(self.trace.at, end))

    def advance(self, until: float) -> None:
        """Let everything happen that happens before `until`."""
        arrivals, again, count = self.trace.at, self._again, len(self.trace.at)
        while True:
            fresh = arrivals[self._next] if self._next < count else inf
            asks = again[0][0] if again else inf
            at = min(fresh, asks)
            self._depart(min(at, until))
            if at >= until:
                return
            if fresh <= asks:
                number = self._next
                self._next += 1
            else:
                number = heappop(again)[1]
            self._arrived += 1
            self._ask(number, at)

    def _depart(self, until: float) -> None:
        departures = self._departures
        while departures and departures[0][0] <= until:
            left, number, server, bound = heappop(departures)
            self._first_bytes[bound] += 1
            del server.ends[number]
            self._in_flight -= 1
            self._left += left

    def _ask(self, number: int, at: float) -> None:
        came = self.trace.at[number]
        if not self._routed:
            self._refused += 1
            self.asked_again[number] = 1
            self.waited[number] = at - came
            if at + RETRY_AFTER_SECONDS - came <= self.patience:
                heappush(self._again, (at + RETRY_AFTER_SECONDS, number))
            return
        server = self._pick()
        start = max(at, server.free[0])
        end = start + self._service[number]
        heapreplace(server.free, end)
        server.ends[number] = end
        began = start + self._prefill[number]
        heappush(self._departures, (end, number, server, bisect_left(FIRST_BYTE_BOUNDS, began - at)))
        self.waited[number] = start - came
        self.first[number] = began - came
        self.whole[number] = end - came
        self._in_flight += 1
        self._entered += at

    def _least_load(self) -> _Server:
        """Of equals any: the scan begins elsewhere each time."""
        routed = self._routed
        self._turn = (self._turn + 1) % len(routed)
        best = routed[self._turn]
        least = len(best.ends) / best.weight
        for server in routed:
            if (load := len(server.ends) / server.weight) < least:
                best, least = server, load
        return best

    def _next_in_turn(self) -> _Server:
        self._turn = (self._turn + 1) % len(self._routed)
        return self._routed[self._turn]
