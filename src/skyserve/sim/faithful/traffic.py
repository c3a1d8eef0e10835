"""Requests: they come, wait for one of a replica's places, are answered; what a replica takes with it when it dies is
tried again on another one, as the endpoint does it, or fails."""

import asyncio
from bisect import insort
from collections import Counter
from collections.abc import Callable
from math import exp
from random import Random

from skyserve.model.load import Load
from skyserve.model.route import Backend
from skyserve.sim.faithful.scenario import Scenario
from skyserve.sim.faithful.software import Software
from skyserve.sim.plane import DataPlane

TICK_SECONDS = 1.0
"""Within this, requests have no order."""
RATE_SECONDS = 60.0
"""How long the rate of requests stays what it is."""
MOST_WAITING = 50
"""Requests at one replica; more are refused."""


class Traffic:
    """The requests to all services of a run, at the same rate each."""

    def __init__(self, scenario: Scenario, plane: DataPlane, software: Software, random: Random) -> None:
        self._scenario = scenario
        self._plane = plane
        self._software = software
        self._random = random
        self._ends: dict[tuple[int, int], list[float]] = {}
        """By service and replica: when each request that it has is answered, ascending."""
        self.count: Counter[str] = Counter()

    async def flow(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = asyncio.get_running_loop().time()
            for service_id in list(self._plane.tables):
                self._tick(service_id, now)

    def rate(self, now: float) -> float:
        """Requests a second."""
        rates = self._scenario.request_rates
        return rates[min(int(now / RATE_SECONDS), len(rates) - 1)]

    def _tick(self, service_id: int, now: float) -> None:
        before, table = self._plane.load.get(service_id, Load()), self._plane.tables[service_id]
        orphans = self._settle(service_id, table.backends, now)
        arrivals = self._arrivals(self.rate(now) * TICK_SECONDS)
        living = [b for b in table.backends if not b.draining and self._software.answers(b.address)]
        shares = self._shares(living, table.canary_percent)
        refused = sum(not self._assign(service_id, shares(), now) for _ in range(arrivals))
        lost = sum(not self._assign(service_id, shares(), now) for _ in range(orphans))
        in_flight = sum(len(ends) for (service, _), ends in self._ends.items() if service == service_id)
        self.count.update(arrived=arrivals, refused=refused, retried=orphans - lost, lost=lost)
        self._plane.load[service_id] = Load(
            before.arrived + arrivals,
            before.refused + refused,
            before.busy_seconds + in_flight * TICK_SECONDS,
            in_flight,
        )

    def _shares(self, living: list[Backend], percent: int | None) -> Callable[[], list[Backend]]:
        """Draws of which replicas a request may go to."""
        canaries, others = [b for b in living if b.canary], [b for b in living if not b.canary]
        if percent is None or not canaries or not others:
            return lambda: living
        return lambda: canaries if self._random.random() * 100 < percent else others

    def _settle(self, service_id: int, backends: tuple[Backend, ...], now: float) -> int:
        """Let requests end. How many lost their replica."""
        known = {b.replica_id: b.address for b in backends}
        orphans = 0
        for key in [key for key in self._ends if key[0] == service_id]:
            left = [end for end in self._ends[key] if end > now]
            answered, address = len(self._ends[key]) - len(left), known.get(key[1])
            alive = address is not None and self._software.answers(address)
            lost = 0 if alive else len(left)
            bad = lost + (answered if address is not None and self._software.answers_badly(address) else 0)
            before = self._plane.outcomes.get(key, (0, 0))
            self._plane.outcomes[key] = (before[0] + answered + lost, before[1] + bad)
            orphans += lost
            if alive and left:
                self._ends[key] = left
            else:
                del self._ends[key]
            self._plane.in_flight[key] = len(left) - lost
        return orphans

    def _assign(self, service_id: int, living: list[Backend], now: float) -> bool:
        living = [b for b in living if len(self._ends.get((service_id, b.replica_id), ())) < MOST_WAITING]
        if not living:
            return False
        chosen = min(living, key=lambda b: len(self._ends.get((service_id, b.replica_id), ())))
        key = (service_id, chosen.replica_id)
        ends = self._ends.setdefault(key, [])
        busy = len(ends) >= self._scenario.concurrency
        begin = ends[-self._scenario.concurrency] if busy else now
        insort(ends, begin + self._random.expovariate(1 / self._scenario.service_seconds))
        self._plane.in_flight[key] = len(ends)
        return True

    def _arrivals(self, mean: float) -> int:
        """A draw of Poisson's distribution, by Knuth's method, which suits small means."""
        floor, product, count = exp(-mean), self._random.random(), 0
        while product > floor:
            product *= self._random.random()
            count += 1
        return count
