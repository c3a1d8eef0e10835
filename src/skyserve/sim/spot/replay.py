"""A policy against a trace, tick by tick; ticks at which nothing can happen are passed over.

At each tick, in this order: zones that shrank take replicas away (those with notice first, then the youngest); what
was decided at the tick before is done, and a launch into a full zone fails, free of charge; replicas whose cold start
is over are ready; money and readiness are counted; notices are given; the policy decides.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from skyserve.model.place import Place
from skyserve.model.placement import Memory
from skyserve.model.resources import Offer
from skyserve.policy.placement.market import Ended, Fate, Held, Market, Policy
from skyserve.sim.spot.capacity import Capacity
from skyserve.sim.spot.trace import Trace


@dataclass(frozen=True, slots=True)
class Setting:
    """What is replayed, beside trace and policy."""

    wanted: int = 3
    extra: int = 1
    cold_start_seconds: float = 120.0
    notice_seconds: float = 0.0
    price_ratio: float = 3.0
    """On-demand over spot."""
    prices: tuple[tuple[Place, float], ...] = ()
    """Of spot machines, relative to one that costs 1; what is not named costs 1."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a replay came to."""

    cost: float
    """Share of what `wanted` on-demand replicas cost all the time."""
    availability: float
    """Share of the time, from the first cold start on, with `wanted` replicas ready."""
    full_outage: float
    """Share of that time with none ready."""
    hours: float
    """Simulated."""
    launches: int
    refusals: int
    losses: int
    """Of spot replicas."""
    decisions: int


@dataclass(slots=True)
class _Replica:
    id: int
    offer: Offer
    ready_at: int
    doomed: bool = False


class Replay:
    """One run; `run` returns its result."""

    def __init__(self, trace: Trace, policy: Policy, setting: Setting) -> None:
        self.trace, self.policy, self.setting = trace, policy, setting
        self.cold = ceil(setting.cold_start_seconds / trace.tick_seconds)
        self.notice = ceil(setting.notice_seconds / trace.tick_seconds)
        self.end = trace.samples * trace.ticks_a_sample
        prices = dict(setting.prices)
        self.spot = tuple(Offer(p, "spot", 1, 1, spot=True, hourly_usd=prices.get(p, 1.0)) for p in trace.capacity)
        self.on_demand = Offer(Place("on-demand"), "on-demand", 1, 1, hourly_usd=setting.price_ratio)
        self.zones = {place: Capacity.of(row, trace.ticks_a_sample) for place, row in trace.capacity.items()}
        changes = {int(tick) for zone in self.zones.values() for tick in zone.at}
        self.changes = sorted(changes | {max(0, tick - self.notice) for tick in changes} | {self.end})
        self.held: list[_Replica] = []
        self.ended: list[Ended] = []
        self.memory = Memory()
        self.next_id = 1
        self.counts: Counter[str] = Counter()

    def run(self) -> Result:
        """From the first tick to the last."""
        tick, bill, good, dark = 0, 0.0, 0, 0
        due: Sequence[Offer] = ()
        while tick < self.end:
            self._shrink(tick)
            self._launch(due, tick)
            gone, due, upcoming = self._decide(tick)
            until = min(self._next(tick), upcoming, self.end) if not (gone or due) else tick + 1
            bill += (until - tick) * sum(r.offer.hourly_usd for r in self.held)
            counted = max(0, until - max(tick, self.cold))
            ready = sum(r.ready_at <= tick for r in self.held)
            good += counted * (ready >= self.setting.wanted)
            dark += counted * (ready == 0)
            self.held = [r for r in self.held if r.id not in gone]
            tick = until
        counted = max(1, self.end - self.cold)
        return Result(
            cost=bill / (self.end * self.setting.wanted * self.setting.price_ratio),
            availability=good / counted,
            full_outage=dark / counted,
            hours=self.trace.hours,
            launches=self.counts["launches"],
            refusals=self.counts["refused"],
            losses=self.counts["lost"],
            decisions=self.counts["decisions"],
        )

    def _shrink(self, tick: int) -> None:
        """Take away what a zone holds beyond its capacity now."""
        for place, here in self._by_zone().items():
            for replica in here[self.zones[place].now(tick) :]:
                self.held.remove(replica)
                self.ended.append(Ended(replica.id, place, Fate.LOST))
                self.counts["lost"] += 1
            if self.notice:
                for replica in here[self.zones[place].least(tick, min(tick + self.notice, self.end - 1)) :]:
                    replica.doomed = True

    def _by_zone(self) -> dict[Place, list[_Replica]]:
        """Spot replicas of each zone, the one that is taken last first."""
        found: dict[Place, list[_Replica]] = {}
        for replica in self.held:
            if replica.offer.spot:
                found.setdefault(replica.offer.place, []).append(replica)
        return {place: sorted(here, key=lambda r: (r.doomed, r.id)) for place, here in found.items()}

    def _launch(self, offers: Sequence[Offer], tick: int) -> None:
        count = Counter(r.offer.place for r in self.held)
        for offer in offers:
            place = offer.place
            self.counts["launches"] += 1
            if offer.spot and count[place] >= self.zones[place].now(tick):
                self.ended.append(Ended(self.next_id, place, Fate.REFUSED))
                self.counts["refused"] += 1
            else:
                replica = _Replica(self.next_id, offer, tick + self.cold)
                if offer.spot and self.notice:
                    least = self.zones[place].least(tick, min(tick + self.notice, self.end - 1))
                    replica.doomed = count[place] >= least
                self.held.append(replica)
                count[place] += 1
            self.next_id += 1

    def _decide(self, tick: int) -> tuple[frozenset[int], list[Offer], int]:
        """Which replicas end and which offers are launched at the next tick, and when to look again."""
        setting, self.counts["decisions"] = self.setting, self.counts["decisions"] + 1
        market = Market(
            wanted=setting.wanted,
            spot=self.spot,
            on_demand=self.on_demand,
            held=tuple(Held(r.id, r.offer, r.ready_at <= tick, True, r.doomed) for r in self.held),
            ended=tuple(self.ended),
            extra=setting.extra,
            cold_start_seconds=setting.cold_start_seconds,
            notice_seconds=setting.notice_seconds,
            reaction_seconds=self.trace.tick_seconds,
        )
        self.ended = []
        decision = self.policy(market, self.memory, tick * self.trace.tick_seconds)
        self.memory = decision.memory
        wake = self.end if decision.wake_at is None else ceil(decision.wake_at / self.trace.tick_seconds - 1e-9)
        ends = frozenset(e.replica_id for e in decision.ends)
        return ends, [p.offer for p in decision.launches], max(wake, tick + 1)

    def _next(self, tick: int) -> int:
        """When something happens by itself."""
        change = self.changes[bisect_right(self.changes, tick)]
        return min((r.ready_at for r in self.held if tick < r.ready_at < change), default=change)


def replay(trace: Trace, policy: Policy, setting: Setting) -> Result:
    """Run a policy against a trace from beginning to end."""
    return Replay(trace, policy, setting).run()
