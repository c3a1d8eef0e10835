"""Round Robin: each launch goes to the next place, whatever the last one said."""

from dataclasses import replace

from skyserve.model.placement import Memory
from skyserve.policy.placement.market import Decision, Market, Placing


def round_robin(market: Market, memory: Memory, now: float) -> Decision:
    """Walk around the places, as Ray Serve and GKE do it. Spot machines only."""
    launches, turn = [], memory.turn
    for _ in range(market.wanted + market.extra - len(market.spots)):
        if not market.spot:
            break
        offer = market.spot[turn % len(market.spot)]
        turn += 1
        launches.append(Placing(offer, f"{offer.place} is next in turn"))
    return Decision(tuple(launches), (), replace(memory, turn=turn, at=now))
