"""What one who knows the future would pay for short queues: replica-hours, and who waits nevertheless.

Were there always a free place, so many requests would be in flight at each moment; that is known. The oracle tries
many plans and takes the cheapest that attains as much: at each moment replicas for a share of the most that will be
in flight within SLOT_SECONDS, or for the mean of some time around, and something on top. With a share of 1 no request
ever waits, since the least busy replica has a free place as long as any has. Each replica is launched a cold start
before it is needed, and paid for it. One that is needed again before it could be started anew is kept. Where it ends
it drains, and is paid until it is idle.

No policy without that knowledge can be expected to come near. It is a good plan, not a proof that none is better;
places that are never empty are the bound that nothing is below.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from statistics import fmean

from skyserve.model.place import Address
from skyserve.model.route import Backend
from skyserve.model.service import LoadBalancingPolicy
from skyserve.sim.planned.traffic import Traffic
from skyserve.sim.planned.world import World

SLOT_SECONDS = 10.0
SHARES = (1.0, 0.98, 0.96, 0.93, 0.9, 0.86, 0.82, 0.76, 0.7)
"""Of the peaks."""
SPANS = (60.0, 180.0, 600.0)
"""Seconds over which the mean is taken, half of them before and half after."""
MARGINS = (0.95, 1.0, 1.05, 1.1, 1.2)
"""Of the mean."""


@dataclass(frozen=True, slots=True)
class Need:
    """One replica from when it must be ready until it may end."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Bill:
    """What came of it."""

    attained: float
    """Share of the requests that waited no longer than was allowed."""
    replica_hours: float


def peaks(world: World) -> list[int]:
    """The most requests in flight in each slot, if none ever waited."""
    service = world.engine.whole(world.requests)
    steps = [(at, 1) for at in world.requests.at]
    steps += [(at + seconds, -1) for at, seconds in zip(world.requests.at, service, strict=True)]
    found = [0] * ceil(world.hours * 3600 / SLOT_SECONDS)
    now, slot = 0, 0
    for at, change in sorted(steps):
        while slot < len(found) - 1 and at >= (slot + 1) * SLOT_SECONDS:
            slot += 1
            found[slot] = now
        now += change
        found[slot] = max(found[slot], now)
    return found


def needs(counts: Sequence[int], cold_start: float) -> Iterator[Need]:
    """Replicas for so many at each slot, the first of them for the longest time."""
    for rank in range(1, max(counts, default=0) + 1):
        begin = end = None
        for slot, count in enumerate(counts):
            if count < rank:
                continue
            at = slot * SLOT_SECONDS
            if end is not None and begin is not None and at - end > cold_start:
                yield Need(begin, end)
                begin = None
            begin, end = (at if begin is None else begin), at + SLOT_SECONDS
        if begin is not None and end is not None:
            yield Need(begin, end)


def bills(world: World, slo_seconds: float, since: float) -> list[Bill]:
    """Of all plans, the one with which nobody waits first. Counted from `since` on, in seconds."""
    return [_bill(world, counts, slo_seconds, since) for counts in _plans(world)]


def _plans(world: World) -> Iterator[list[int]]:
    most, places = peaks(world), world.engine.places
    for share in SHARES:
        yield [ceil(share * count / places) for count in most]
    for span in SPANS:
        half = round(span / 2 / SLOT_SECONDS)
        mean = [fmean(most[max(0, slot - half) : slot + half + 1]) for slot in range(len(most))]
        for margin in MARGINS:
            yield [ceil(margin * count / places) for count in mean]


def _bill(world: World, counts: Sequence[int], slo_seconds: float, since: float) -> Bill:
    cold_start, end = world.provision_seconds + world.setup_seconds, world.hours * 3600
    kept = list(needs(counts, cold_start))
    traffic = Traffic(world.requests, world.engine, LoadBalancingPolicy.LEAST_LOAD, 0.0)
    idle: dict[int, float] = {}
    moments = sorted({0.0, end, *(n.begin for n in kept), *(n.end for n in kept if n.end < end)})
    for at, following in pairwise(moments):
        living = [(i, n) for i, n in enumerate(kept) if n.begin <= at]
        traffic.route(_backend(i) for i, n in living if n.end > at)
        idle.update((i, max(at, traffic.idle_at(i))) for i, n in living if n.end == at)
        traffic.advance(following)
    paid = sum(max(0.0, min(end, idle.get(i, n.end)) - max(since, n.begin - cold_start)) for i, n in enumerate(kept))
    return Bill(attained(traffic, slo_seconds, since, end), paid / 3600)


def _backend(number: int) -> Backend:
    return Backend(number, Address("oracle", 1))


def attained(traffic: Traffic, slo_seconds: float, since: float, end: float) -> float:
    """Share of the requests that came in that time, were answered and waited no longer."""
    came = traffic.came_between(since, end)
    good = sum(traffic.first[n] >= 0 and traffic.waited[n] <= slo_seconds for n in came)
    return good / len(came) if came else 1.0


def hours_for(bought: Sequence[Bill], share: float) -> float:
    """The fewest replica-hours for which the oracle attains that share."""
    return min((b.replica_hours for b in bought if b.attained >= share), default=bought[0].replica_hours)
