"""What `adaptive` learns of places: how long each rests after a setback, and how often it takes replicas away."""

from dataclasses import replace

from skyserve.model.place import Place
from skyserve.model.placement import Memory, PlaceMemory
from skyserve.policy.placement.market import Market
from skyserve.policy.placement.news import news

REST_SECONDS = 60.0
"""After the first setback; doubles with each in a row, so that no more time is waited than the place was out."""
REST_CAP_SECONDS = 600.0
"""A refused launch costs a call and no money, while an on-demand machine stands in at several times the price."""
HALF_LIFE_HOURS = 24.0
"""What happened a day ago counts half: places change with the hours of work, and differ from each other for weeks."""
PRIOR_LOSSES = 1.0
PRIOR_HOURS = 10.0
"""An unknown place is taken to lose a replica in ten hours (measured V100 zones: one in 0.7 to 10 hours of use), with
the weight of one loss."""


def learn(market: Market, memory: Memory, now: float) -> Memory:
    """Take in the time since the last pass and what happened in it."""
    memory = _exposure(market, memory, now)
    told = news(market, memory)
    memory = told.memory
    for place in dict.fromkeys(told.arrived):
        if memory.of(place).setbacks:
            memory = memory.with_place(place, replace(memory.of(place), setbacks=0, rests_until=0.0))
    for place in dict.fromkeys(told.lost):
        known = _aged(memory.of(place), now)
        memory = memory.with_place(place, _set_back(replace(known, losses=known.losses + 1), now))
    for place in dict.fromkeys(told.refused):
        memory = memory.with_place(place, _set_back(memory.of(place), now))
    return memory


def losses_an_hour(memory: Memory, place: Place, now: float) -> float:
    """How often the place is expected to take away what is there."""
    known = memory.of(place)
    weight = _weight(known, now)
    return (known.losses * weight + PRIOR_LOSSES) / (known.hours * weight + PRIOR_HOURS)


def _exposure(market: Market, memory: Memory, now: float) -> Memory:
    """Count the time that replicas were held."""
    if memory.at is None or memory.at >= now:
        return memory
    places = dict(memory.places)
    for place in market.used:
        known = _aged(memory.of(place), now)
        places[place.key] = replace(known, hours=known.hours + (now - memory.at) / 3600)
    return replace(memory, places=places)


def _aged(known: PlaceMemory, now: float) -> PlaceMemory:
    weight = _weight(known, now)
    return replace(known, losses=known.losses * weight, hours=known.hours * weight, at=max(now, known.at))


def _weight(known: PlaceMemory, now: float) -> float:
    """How much what was counted then counts now."""
    return float(0.5 ** (max(0.0, now - known.at) / 3600 / HALF_LIFE_HOURS))


def _set_back(known: PlaceMemory, now: float) -> PlaceMemory:
    rest = min(REST_CAP_SECONDS, REST_SECONDS * 2.0 ** min(known.setbacks, 10))
    return replace(known, setbacks=known.setbacks + 1, rests_until=now + rest)
