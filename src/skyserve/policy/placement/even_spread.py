"""Even Spread: a fixed share for each place, asked for again and again where it is refused."""

from collections import Counter
from dataclasses import replace

from skyserve.model.placement import Memory
from skyserve.policy.placement.market import Decision, Market, Placing


def even_spread(market: Market, memory: Memory, now: float) -> Decision:
    """Fill all places to one level, in their order; as auto-scaling groups do it. Spot machines only."""
    used, launches = Counter(market.used), []
    for _ in range(market.wanted + market.extra - len(market.spots)):
        if not market.spot:
            break
        offer = min(market.spot, key=lambda o: used[o.place])
        launches.append(Placing(offer, f"{offer.place} has the fewest, {used[offer.place]}"))
        used[offer.place] += 1
    return Decision(tuple(launches), (), replace(memory, at=now))
