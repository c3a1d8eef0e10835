"""What holds for every policy in every market."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyserve.model.placement import Memory, PlaceMemory
from skyserve.policy.placement import POLICIES
from skyserve.policy.placement.market import Decision, Ended, Fate, Held, Market
from tests.policy.placement.markets import ON_DEMAND, Story, spot, stored

ZONES = tuple(spot(zone) for zone in ("west-a", "west-b", "east-a", "east-b"))
HEDGING = ("adaptive", "dynamic_fallback")

counts = st.floats(0, 100)
known = st.builds(
    PlaceMemory, st.booleans(), st.integers(0, 2000), st.floats(0, 1e6), counts, counts, st.floats(0, 1e6)
)
ids = st.frozensets(st.integers(1, 20))
memories = st.builds(
    Memory,
    st.dictionaries(st.sampled_from([o.place.key for o in ZONES]), known),
    ids,
    ids,
    ids,
    st.integers(0, 10**6),
    st.none() | st.floats(0, 1e6),
)


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Anything that could be held, whatever led to it."""
    held = [
        Held(i, draw(st.sampled_from((*ZONES, ON_DEMAND))), draw(st.booleans()), True, draw(st.booleans()))
        for i in range(1, draw(st.integers(0, 9)) + 1)
    ]
    ended = [
        Ended(i, draw(st.sampled_from(ZONES)).place, draw(st.sampled_from(Fate)))
        for i in range(10, draw(st.integers(9, 14)) + 1)
    ]
    zones = ZONES[: draw(st.integers(0, 4))]
    notice = draw(st.sampled_from((0.0, 30.0, 120.0)))
    wanted, extra = draw(st.integers(0, 4)), draw(st.integers(0, 2))
    on_demand = draw(st.sampled_from((ON_DEMAND, None)))
    return Market(wanted, zones, on_demand, tuple(held), tuple(ended), extra, notice_seconds=notice)


def after(market: Market, decision: Decision) -> list[Held]:
    """What is held once all is done that was decided, and every launch succeeded."""
    gone = {end.replica_id for end in decision.ends}
    launched = [Held(100 + n, p.offer) for n, p in enumerate(decision.launches)]
    return [h for h in market.held if h.id not in gone] + launched


@pytest.mark.parametrize("name", POLICIES)
@settings(deadline=None)
@given(market=markets(), memory=memories, now=st.floats(0, 2e6))
def test_it_never_launches_beyond_the_cap(name: str, market: Market, memory: Memory, now: float) -> None:
    """Not more spot replicas than wanted and extra, the doomed aside, nor more on demand than wanted."""
    decision = POLICIES[name](market, memory, now)
    held = after(market, decision)
    if any(p.offer.spot for p in decision.launches):
        assert sum(h.offer.spot and not h.doomed for h in held) <= market.wanted + market.extra
    if any(not p.offer.spot for p in decision.launches):
        assert sum(not h.offer.spot for h in held) <= market.wanted + (market.extra if name == "cheapest" else 0)


@pytest.mark.parametrize("name", POLICIES)
@settings(deadline=None)
@given(market=markets(), memory=memories, now=st.floats(0, 2e6))
def test_it_decides_the_same_from_the_same(name: str, market: Market, memory: Memory, now: float) -> None:
    """Twice the same, also from a memory that was written and read; and there is a reason for everything."""
    first = POLICIES[name](market, memory, now)
    read = stored(memory)
    assert read == memory
    assert POLICIES[name](market, read, now) == first
    assert all(placing.reason for placing in first.launches)
    assert all(ending.reason for ending in first.ends)
    assert first.wake_at is None or first.wake_at > now


@pytest.mark.parametrize("name", HEDGING)
@settings(deadline=None)
@given(market=markets(), memory=memories, now=st.floats(0, 2e6))
def test_it_ends_only_what_it_holds_and_can_spare(name: str, market: Market, memory: Memory, now: float) -> None:
    """Where as many as wanted are ready without counting the doomed, as many are ready afterwards."""
    decision = POLICIES[name](market, memory, now)
    held = after(market, decision)
    assert {end.replica_id for end in decision.ends} <= {h.id for h in market.held}
    if sum(h.ready and not h.doomed for h in market.held) >= market.wanted:
        assert sum(h.ready for h in held) >= market.wanted


@pytest.mark.parametrize("name", POLICIES)
@settings(deadline=None)
@given(market=markets(), memory=memories, now=st.floats(0, 2e6))
def test_news_is_told_once(name: str, market: Market, memory: Memory, now: float) -> None:
    """What is shown again changes nothing that is known of places."""
    once = POLICIES[name](market, memory, now).memory
    again = POLICIES[name](replace(market), once, now).memory
    assert again.places == once.places


@settings(max_examples=25, deadline=None)
@given(
    up=st.sets(st.sampled_from(["west-a", "west-b", "east-a", "east-b"]), min_size=1),
    closing=st.lists(st.sampled_from(["west-a", "west-b", "east-a", "east-b"]), max_size=8),
)
def test_adaptive_never_locks_up(up: set[str], closing: list[str]) -> None:
    """Whatever closed before: once a place has room, all replicas are on spot machines within the longest rest."""
    story = Story(POLICIES["adaptive"], ZONES, {"west-a", "west-b", "east-a", "east-b"}).steps(2)
    for zone in closing:
        story.close(zone).steps(3)
    for zone in {"west-a", "west-b", "east-a", "east-b"} - up:
        story.close(zone)
    story.up = set(up)
    story.steps(600 // 30 + 10)
    assert story.stand_ins() == 0
    assert len(story.zones_used()) >= 3
    assert set(story.zones_used()) <= up
