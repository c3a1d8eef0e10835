"""Ours, the default for spot machines: as cheap as the market lets it be, as careful as its losses ask for.

- A place that took or refused a replica rests, longer each time. When all others rest, one good place takes them all.
- Places are compared by what a useful hour costs there: its price, and what a loss costs times how often losses come.
- A replica with notice counts as gone: its replacement starts while it still serves.
- On-demand machines stand in only for what spot machines do not cover. They are asked for together with the spot
  replacement, so that no time is lost if it is refused; once its place gives the machine, they are ended again.
- Spot replicas beyond what is wanted are kept only while losses are frequent enough for them to be worth their price.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from skyserve.model.place import Place
from skyserve.model.placement import Memory
from skyserve.model.resources import Offer
from skyserve.policy.placement.learning import learn, losses_an_hour
from skyserve.policy.placement.market import Decision, Ending, Held, Market, Placing

ALLOWED_SHORT = 0.005
"""The share of time with too few replicas that is as bad as paying for one more spot replica all the time. A choice,
not a measurement: seven minutes a day. A smaller one keeps the extra replica longer."""
LET_GO = 0.5
"""An extra replica is ended at this fraction of what made it worth its price, so that it does not come and go."""
LOOK_AGAIN_SECONDS = 600.0
"""How often it is asked whether an extra replica is worth its price; short beside the hours in which that changes."""


def adaptive(market: Market, memory: Memory, now: float) -> Decision:
    """Launch and end for the least expected cost. `market.extra`: the most that losses can make it keep in addition."""
    memory = learn(market, memory, now)
    kept = [h for h in market.spots if not h.doomed]
    used = Counter(market.used) - Counter(h.offer.place for h in market.spots if h.doomed)
    launches = _launches(market, memory, used, now)
    there = used + Counter(p.offer.place for p in launches)
    extra = market.extra if _extra_pays(market, memory, there, len(kept) > market.wanted, now) else 0
    wanted = market.wanted + extra
    launches = launches[: max(0, wanted - len(kept))]
    stand_ins, over = _stand_ins(market, kept)
    ends = (*_surplus(market, memory, kept, used, wanted, now), *over)
    looks = [memory.of(o.place).rests_until for o in market.spot] if len(kept) < wanted else []
    if len(kept) > market.wanted:
        looks.append(now + LOOK_AGAIN_SECONDS)
    wake_at = min((at for at in looks if at > now), default=None)
    return Decision((*launches, *stand_ins), ends, replace(memory, at=now), wake_at)


def _launches(market: Market, memory: Memory, kept: Counter[Place], now: float) -> list[Placing]:
    """Where the spot replicas go that are missing beside those kept, those beyond the wanted last."""
    used, found = Counter(kept), []
    awake = [o for o in market.spot if memory.of(o.place).rests_until <= now]
    asleep = len(market.spot) - len(awake)
    for _ in range(market.wanted + market.extra - kept.total() if awake else 0):
        offer = min(awake, key=lambda o: (_useful_hour(market, memory, o, used[o.place], now), o.place))
        found.append(Placing(offer, _why(memory, offer, used[offer.place], asleep, now)))
        used[offer.place] += 1
    return found


def _why(memory: Memory, offer: Offer, there: int, asleep: int, now: float) -> str:
    losses = losses_an_hour(memory, offer.place, now)
    shared = f" beside {there} of ours" if there else ""
    resting = f"; {asleep} places rest" if asleep else ""
    price = f"{offer.hourly_usd:.2f} USD an hour and {losses:.2f} losses an hour expected"
    return f"{offer.place}{shared}: {price} make the cheapest useful hour{resting}"


def _seconds_short(market: Market) -> float:
    """How long a replica is missed after a loss that nothing absorbs."""
    return market.reaction_seconds + max(0.0, market.cold_start_seconds - market.notice_seconds)


def _useful_hour(market: Market, memory: Memory, offer: Offer, there: int, now: float) -> float:
    """What an hour of one more replica costs at a place that holds so many.

    A loss costs a cold start, and the time short at the worth that ALLOWED_SHORT gives it. A place loses all it holds
    at once, as a rule; to miss n replicas at once counts as n * n, so that the next one there weighs 2 n + 1.
    """
    loss_seconds = market.cold_start_seconds + _seconds_short(market) / ALLOWED_SHORT
    weight = 2 * there + 1
    return offer.hourly_usd * (1 + weight * losses_an_hour(memory, offer.place, now) * loss_seconds / 3600)


def _extra_pays(market: Market, memory: Memory, there: Counter[Place], had: bool, now: float) -> bool:
    """Whether replicas beyond the wanted, with so many at each place, avoid more time short than is allowed.

    They absorb the loss of a place that holds no more than there are of them.
    """
    spare = there.total() - market.wanted
    rate = sum(losses_an_hour(memory, place, now) for place, count in there.items() if count <= spare)
    return rate * _seconds_short(market) / 3600 > ALLOWED_SHORT * (LET_GO if had else 1.0)


def _surplus(
    market: Market, memory: Memory, kept: Sequence[Held], used: Counter[Place], wanted: int, now: float
) -> list[Ending]:
    """What is too much, once enough are ready: first what is not, then what is where an hour costs most."""
    too_many = len(kept) - wanted
    if too_many <= 0 or sum(h.ready for h in kept) < market.wanted:
        return []
    alike = {(h.offer.place, h.offer.hourly_usd): h.offer for h in kept}
    cost = {key: _useful_hour(market, memory, o, used[o.place] - 1, now) for key, o in alike.items()}
    worst = sorted(kept, key=lambda h: (h.ready, -cost[h.offer.place, h.offer.hourly_usd], h.in_flight, -h.id))
    return [Ending(h.id, f"losses are too rare to keep more than {wanted}") for h in worst[:too_many]]


def _stand_ins(market: Market, kept: Sequence[Held]) -> tuple[list[Placing], list[Ending]]:
    """On-demand machines for what spot machines do not cover.

    One that serves is needed until enough spot replicas are *ready*; one that starts, until as many spot replicas that
    were asked for before it have their machines: those are ready no later.
    """
    ready = sum(h.ready for h in kept)
    starting = [h.id for h in kept if h.accepted and not h.ready]
    serving = sorted((h for h in market.stand_ins if h.ready), key=lambda h: (-h.in_flight, h.id))
    short = max(0, market.wanted - ready)
    over = [Ending(h.id, f"{ready} spot replicas are ready") for h in serving[short:]]
    short = max(0, short - len(serving))
    coming = 0
    for stand_in in market.stand_ins:
        if stand_in.ready:
            continue
        if coming + sum(spot < stand_in.id for spot in starting) < short:
            coming += 1
        else:
            over.append(Ending(stand_in.id, "spot replicas that were asked for earlier have their machines"))
    if market.on_demand is None:
        return [], over
    why = f"on demand until spot replicas are ready: {ready} of {market.wanted} are, {len(starting)} start"
    return [Placing(market.on_demand, why)] * (short - coming - len(starting)), over
