"""SpotHedge, as its paper prints it (EuroSys 2025, Algorithm 1): SkyServe's `dynamic_fallback`.

Places are available (Z_A) or preempting (Z_P). The next spot replica goes to the cheapest available place that holds
none, else to the cheapest available. `market.extra` more spot replicas than wanted are kept launched, and as many
on-demand replicas as there are too few *ready* spot replicas, the extra one included, but no more than are wanted.
"""

from dataclasses import replace
from zlib import crc32

from skyserve.model.placement import Memory
from skyserve.model.resources import Offer
from skyserve.policy.placement.market import Decision, Ending, Market, Placing
from skyserve.policy.placement.news import news

REBALANCE_BELOW = 2
"""With fewer available places than this all count as available again (the paper's constant)."""


def dynamic_fallback(market: Market, memory: Memory, now: float) -> Decision:
    """Launch and end so that the paper's two counts hold."""
    memory = _learn(market, memory)
    launches, memory = _spot(market, memory)
    stand_ins, ends = _fallback(market)
    return Decision((*launches, *stand_ins), ends, replace(memory, at=now))


def _learn(market: Market, memory: Memory) -> Memory:
    """Handle-preemption and Handle-launch."""
    told = news(market, memory)
    memory = told.memory
    for place in dict.fromkeys((*told.lost, *told.refused)):  # several replicas, one piece of news of their place
        memory = memory.with_place(place, replace(memory.of(place), preempting=True))
        if sum(not memory.of(o.place).preempting for o in market.spot) < REBALANCE_BELOW:
            memory = replace(memory, places={key: replace(k, preempting=False) for key, k in memory.places.items()})
    for place in told.arrived:
        if memory.of(place).preempting:
            memory = memory.with_place(place, replace(memory.of(place), preempting=False))
    return memory


def _spot(market: Market, memory: Memory) -> tuple[list[Placing], Memory]:
    """Select-next-zone for each spot replica that is missing."""
    used, launches, turn = market.used(), [], memory.turn
    available = [o for o in market.spot if not memory.of(o.place).preempting] or list(market.spot)
    for _ in range(market.wanted + market.extra - len(market.spots)):
        if not available:
            break
        unused = [o for o in available if not used[o.place]]
        offer = min(unused or available, key=lambda o: (o.hourly_usd, _drawn(o, turn)))
        turn += 1
        which = "is the cheapest available place without a replica" if unused else "is the cheapest available place"
        launches.append(Placing(offer, f"{offer.place} {which}"))
        used[offer.place] += 1
    return launches, replace(memory, turn=turn)


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
