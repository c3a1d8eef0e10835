"""SpotHedge, as its paper prints it (EuroSys 2025, Algorithm 1): SkyServe's `dynamic_fallback`.

Places are available (Z_A) or preempting (Z_P). The next spot replica goes to the cheapest available place that holds
none, else to the cheapest available. `market.extra` more spot replicas than wanted are kept launched, and as many
on-demand replicas as there are too few *ready* spot replicas, the extra one included, but no more than are wanted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

from skyserve.model.placement import Memory, PlaceMemory
from skyserve.model.resources import Offer
from skyserve.policy.placement.market import Decision, Ending, Market, Placing
from skyserve.policy.placement.news import news

REBALANCE_BELOW = 2
"""With fewer available places than this all count as available again (the paper's constant)."""


def dynamic_fallback(market: Market, memory: Memory, now: float) -> Decision:
    """Launch and end so that the paper's two counts hold."""
    memory = _learn(market, memory)
    launches, turn = _spot(market, memory)
    stand_ins, ends = _fallback(market)
    return Decision((*launches, *stand_ins), ends, replace(memory, turn=turn, at=now))


def _learn(market: Market, memory: Memory) -> Memory:
    """Handle-preemption and Handle-launch."""
    told = news(market, memory)
    places = told.memory.places
    preempting = before = frozenset(key for key, known in places.items() if known.preempting)
    for place in dict.fromkeys((*told.lost, *told.refused)):  # several replicas, one piece of news of their place
        preempting |= {place.key}
        if sum(offer.place.key not in preempting for offer in market.spot) < REBALANCE_BELOW:
            preempting = frozenset()
    preempting -= {place.key for place in told.arrived}
    if preempting == before:
        return told.memory
    marked = {key: replace(places.get(key, PlaceMemory()), preempting=key in preempting) for key in preempting ^ before}
    return replace(told.memory, places={**places, **marked})


def _spot(market: Market, memory: Memory) -> tuple[list[Placing], int]:
    """Select-next-zone for each spot replica that is missing; the number of the launch that comes next."""
    missing = market.wanted + market.extra - len(market.spots)
    if missing <= 0 or not market.spot:
        return [], memory.turn
    used, launches = Counter(market.used), []
    available = [o for o in market.spot if not memory.of(o.place).preempting] or market.spot
    for turn in range(memory.turn, memory.turn + missing):
        unused = [o for o in available if not used[o.place]]
        offer = _cheapest(unused or available, turn)
        which = "is the cheapest available place without a replica" if unused else "is the cheapest available place"
        launches.append(Placing(offer, f"{offer.place} {which}"))
        used[offer.place] += 1
    return launches, memory.turn + missing


def _cheapest(offers: Sequence[Offer], turn: int) -> Offer:
    least = min(offer.hourly_usd for offer in offers)
    return min((offer for offer in offers if offer.hourly_usd == least), key=lambda offer: _drawn(offer, turn))


def _drawn(offer: Offer, turn: int) -> int:
    """Decides between equal prices as by lot, and the same at every replay."""
    return crc32(f"{offer.place} {turn}".encode())


def _fallback(market: Market) -> tuple[list[Placing], tuple[Ending, ...]]:
    """min(N, N + extra - ready spot) on-demand replicas; those not ready go first, then the youngest."""
    ready = sum(h.ready for h in market.spots)
    due = max(0, min(market.wanted, market.wanted + market.extra - ready))
    missing = due - len(market.stand_ins)
    if missing > 0 and market.on_demand:
        reason = f"{ready} of {market.wanted + market.extra} spot replicas are ready"
        return [Placing(market.on_demand, f"on demand while {reason}")] * missing, ()
    surplus = sorted(market.stand_ins, key=lambda h: (h.ready, h.in_flight, -h.id))[: max(0, -missing)]
    return [], tuple(Ending(h.id, f"{ready} spot replicas are ready") for h in surplus)
