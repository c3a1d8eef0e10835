"""Cheapest: every replica where it costs least, spot or not; the least used of equals."""

from collections import Counter
from dataclasses import replace

from skyserve.model.placement import Memory
from skyserve.policy.placement.learning import learn
from skyserve.policy.placement.market import Decision, Market, Placing


def cheapest(market: Market, memory: Memory, now: float) -> Decision:
    """Pass over places that rest after a setback, and nothing else: what is held stays where it is."""
    memory = learn(market, memory, now)
    offers = [*market.spot, *([market.on_demand] if market.on_demand else [])]
    awake = [o for o in offers if memory.of(o.place).rests_until <= now]
    used, launches = Counter(market.used), []
    missing = market.wanted + market.extra - len(market.held)
    for _ in range(missing if awake else 0):
        offer = min(awake, key=lambda o: (o.hourly_usd, used[o.place], o.place))
        launches.append(Placing(offer, f"{offer.place} at {offer.hourly_usd:.2f} USD an hour is the cheapest"))
        used[offer.place] += 1
    rests = [memory.of(o.place).rests_until for o in offers if missing > len(launches)]
    return Decision(tuple(launches), (), replace(memory, at=now), min((at for at in rests if at > now), default=None))
