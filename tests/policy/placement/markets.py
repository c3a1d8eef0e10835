"""Small markets, and a life for the replicas in them that takes one line a step."""

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from skyserve.model.place import Place
from skyserve.model.placement import Memory
from skyserve.model.resources import Offer
from skyserve.policy.placement.market import Decision, Ended, Fate, Held, Market, Policy

ON_DEMAND = Offer(Place("aws", "west"), "m", 4, 16, hourly_usd=3.0)
STEP = 30.0


def place(zone: str) -> Place:
    """`west-a` is zone west-a of region west."""
    return Place("aws", zone.partition("-")[0], zone)


def spot(zone: str, price: float = 1.0) -> Offer:
    """What that zone offers."""
    return Offer(place(zone), "m", 4, 16, spot=True, hourly_usd=price)


_MEMORY = TypeAdapter(Memory)


def stored(memory: Memory) -> Memory:
    """As the database gives it back."""
    return _MEMORY.validate_json(_MEMORY.dump_json(memory))


@dataclass
class Story:
    """Zones with room, a policy, and what came of it. Every step takes STEP seconds; a cold start takes one step."""

    policy: Policy
    zones: tuple[Offer, ...]
    up: set[str]
    wanted: int = 3
    extra: int = 1
    now: float = 0.0
    memory: Memory = field(default_factory=Memory)
    held: list[Held] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    last: Decision | None = None
    next_id: int = 1

    def step(self) -> "Story":
        """Decide, and let it happen: rooms are taken, refusals noted, machines asked for a step ago become ready."""
        market = Market(
            self.wanted, self.zones, ON_DEMAND, tuple(self.held), tuple(self.ended), self.extra, cold_start_seconds=STEP
        )
        decision = self.last = self.policy(market, self.memory, self.now)
        self.memory = stored(decision.memory)
        ends = {end.replica_id for end in decision.ends}
        self.held = [h._replace(ready=True) for h in self.held if h.id not in ends]
        for placing in decision.launches:
            if placing.offer.spot and placing.offer.place.zone not in self.up:
                self.ended.append(Ended(self.next_id, placing.offer.place, Fate.REFUSED))
            else:
                self.held.append(Held(self.next_id, placing.offer))
            self.next_id += 1
        self.now += STEP
        return self

    def steps(self, count: int) -> "Story":
        """Several."""
        for _ in range(count):
            self.step()
        return self

    def close(self, zone: str) -> "Story":
        """The zone takes back all it gave, and gives no more."""
        self.up.discard(zone)
        gone = [h for h in self.held if h.offer.spot and h.offer.place == place(zone)]
        self.held = [h for h in self.held if h not in gone]
        self.ended += [Ended(h.id, h.offer.place, Fate.LOST) for h in gone]
        return self

    def doom(self, zone: str) -> "Story":
        """The zone gives notice to all it holds, and gives no more."""
        self.up.discard(zone)
        here = place(zone)
        self.held = [h._replace(doomed=h.doomed or (h.offer.spot and h.offer.place == here)) for h in self.held]
        return self

    def zones_used(self) -> list[str]:
        """Of spot replicas held, sorted."""
        return sorted(h.offer.place.zone for h in self.held if h.offer.spot)

    def stand_ins(self) -> int:
        """On-demand replicas held."""
        return sum(not h.offer.spot for h in self.held)
