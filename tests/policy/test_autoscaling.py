"""How many replicas a load calls for: tables, and what must hold of every load."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from skyserve.model.autoscaling import Autoscaling, Call, ScalingMemory, ScalingPolicy
from skyserve.model.load import Load
from skyserve.policy.autoscaling.concurrency import concurrency
from skyserve.policy.autoscaling.decision import begin, decide
from skyserve.policy.autoscaling.fleet import Fleet
from skyserve.policy.autoscaling.instance_aware import instance_aware
from skyserve.policy.autoscaling.queue import queue
from skyserve.policy.autoscaling.request_rate import request_rate
from skyserve.policy.autoscaling.window import Seen

NOW = 1_700_000_000.0
RATE = Autoscaling(ScalingPolicy.REQUEST_RATE, per_replica=2, low=0, high=10)
BUSY = replace(RATE, policy=ScalingPolicy.CONCURRENCY)
QUICK = replace(RATE, upscale_delay=20, downscale_delay=40)
MEMORY: TypeAdapter[ScalingMemory] = TypeAdapter(ScalingMemory)

Traffic = Callable[[float], tuple[float, float]]
"""Second since the beginning -> (requests a second, seconds that each takes)."""


def watch(
    knobs: Autoscaling,
    traffic: Traffic,
    seconds: int,
    *,
    every: float = 1.0,
    restart: Callable[[float, ScalingMemory], ScalingMemory] = lambda _, memory: memory,
) -> Iterator[tuple[float, int]]:
    """(second, replicas wanted) of a service that is looked at every so often; refuses whoever finds no replica."""
    memory = begin(knobs, Load(), NOW)
    arrived = refused = busy = 0.0
    for look in range(1, int(seconds / every) + 1):
        at = look * every
        rate, duration = traffic(at)
        arrived += rate * every
        serving = memory.wanted > 0
        busy += rate * duration * every if serving else 0
        refused += 0 if serving else rate * every
        load = Load(int(arrived), int(refused), busy, int(rate * duration) if serving else 0)
        memory = restart(at, decide(load, knobs, memory, NOW + at).memory)
        yield at, memory.wanted


def changes(course: Iterator[tuple[float, int]], first: int) -> list[tuple[float, int]]:
    """(second, replicas) of each change."""
    found = [(0.0, first)]
    for at, wanted in course:
        if wanted != found[-1][1]:
            found.append((at, wanted))
    return found[1:]


def seen(**values: float) -> Seen:
    """A load of which only this is worth telling."""
    nothing = {"rate": 0.0, "concurrency": 0.0, "burst_concurrency": 0.0, "in_flight": 0, "refused": 0}
    return Seen(**{**nothing, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rate", "in_flight", "replicas"),
    [(0, 0, 0), (1 / 60, 0, 1), (0, 1, 1), (2, 5, 1), (2.01, 0, 2), (9, 0, 5), (100, 0, 50)],
)
def test_request_rate(rate: float, in_flight: int, replicas: int) -> None:
    """ceil(rate / target), and one for what is still in flight."""
    assert request_rate(seen(rate=rate, in_flight=in_flight), RATE).replicas == replicas


@pytest.mark.parametrize(
    ("average", "last_seconds", "refused", "in_flight", "replicas", "burst"),
    [
        (0, 0, 0, 0, 0, 0),
        (0, 0, 0, 1, 1, 0),
        (4, 4, 0, 4, 2, 2),
        (4.1, 20, 0, 20, 3, 10),
        (0, 0, 7, 0, 0, 4),
    ],
)
def test_concurrency(
    average: float, last_seconds: float, refused: int, in_flight: int, replicas: int, burst: int
) -> None:
    """ceil(in flight / target), over the window and over the last seconds, where those refused count."""
    demand = concurrency(
        seen(concurrency=average, burst_concurrency=last_seconds, refused=refused, in_flight=in_flight), BUSY
    )
    assert (demand.replicas, demand.burst) == (replicas, burst)


@pytest.mark.parametrize(
    ("living", "offers", "rate", "in_flight", "replicas"),
    [
        ((), (2, 1), 0, 0, 0),
        ((), (2, 1), 1 / 60, 0, 1),
        ((), (2, 1), 5, 0, 3),
        ((), (), 5, 0, 3),
        ((4, 4), (1,), 3, 0, 1),
        ((4, 4), (1,), 8, 0, 2),
        ((4, 4), (1,), 10.5, 0, 5),
        ((1, 1, 4), (4,), 2, 0, 2),
        ((4,), (4,), 0, 3, 1),
    ],
)
def test_instance_aware(
    living: tuple[float, ...], offers: tuple[float, ...], rate: float, in_flight: int, replicas: int
) -> None:
    """As many of the living as carry the rate, or all of them and what carries the rest."""
    demand = instance_aware(replace(seen(rate=rate, in_flight=in_flight), fleet=Fleet(living, offers)), RATE)
    assert demand.replicas == replicas


@given(st.lists(st.floats(0.1, 8), max_size=8), st.lists(st.floats(0.1, 8), min_size=1, max_size=3), st.floats(0, 60))
def test_instance_aware_adds_what_is_missing_and_no_more(living: list[float], offers: list[float], rate: float) -> None:
    """Once what it called for is there, as placed, it calls for the same; and one fewer would not carry the load."""
    fleet = Fleet(tuple(living), tuple(offers))
    called = instance_aware(replace(seen(rate=rate), fleet=fleet), RATE).replicas
    there = (*living, *[offers[0]] * (called - len(living)))[:called]
    assert instance_aware(replace(seen(rate=rate), fleet=Fleet(there, tuple(offers))), RATE).replicas == called
    assert sum(there) * 1.000001 >= rate
    assert not there or sum(there[:-1]) < rate


def test_up_after_the_delay_and_down_after_the_other() -> None:
    """A step of load from 1 to 9 requests a second for five minutes, and back."""
    knobs = replace(QUICK, low=1)
    course = watch(knobs, lambda at: (9.0 if 100 < at <= 400 else 1.0, 0.1), 600)
    told = changes(course, 1)
    ups = [(at, n) for at, n in told if at <= 400]
    downs = [(at, n) for at, n in told if at > 400]
    # The average over a minute has passed 2 a second after 8 s, and is whole after 60 s.
    assert 120 < ups[0][0] < 140
    assert ups[-1][1] == 5
    assert ups[-1][0] < 100 + 60 + 20 + 10
    assert downs[0][0] >= 400 + 40
    assert downs[-1][1] == 1
    assert [n for _, n in ups] == sorted(n for _, n in ups)
    assert [n for _, n in downs] == sorted((n for _, n in downs), reverse=True)


def test_to_zero_and_back() -> None:
    """The first request wakes the service in the same look; a minute of silence and the delay put it to sleep."""
    knobs = QUICK
    told = changes(watch(knobs, lambda at: (1.0 if 200 < at <= 260 else 0.0, 0.1), 600), 0)
    (woken, one), (asleep, none) = told
    assert (woken, one, none) == (201, 1, 0)
    assert 260 + 60 + 40 <= asleep < 260 + 60 + 40 + 12


def test_one_request_wakes() -> None:
    """A single request after hours of nothing, by either policy."""
    for knobs in (RATE, BUSY):
        memory = begin(knobs, Load(arrived=0), NOW)
        for at in range(60, 7200, 60):
            memory = decide(Load(), knobs, memory, NOW + at).memory
        assert memory.wanted == 0
        assert decide(Load(arrived=1, refused=1), knobs, memory, NOW + 7199).wanted == 1


def test_asking_again_is_not_asking_for_more() -> None:
    """A service that wakes refuses one client ten times a second: that is no more than ten clients."""
    knobs = replace(BUSY, high=100)
    memory = decide(Load(arrived=1, refused=1), knobs, begin(knobs, Load(), NOW), NOW + 1).memory
    for second in range(2, 60):
        asked = 1 + 10 * (second - 1)
        memory = decide(Load(arrived=asked, refused=asked), knobs, memory, NOW + second).memory
    assert 1 <= memory.wanted <= 5


def test_who_came_before_the_first_look_wakes() -> None:
    """A service at zero that was asked before the controller looked at it."""
    asked = Load(arrived=1, refused=1)
    memory = begin(RATE, asked, NOW)
    assert decide(asked, RATE, memory, NOW + 1).wanted == 1


def test_a_long_answer_keeps_its_replica() -> None:
    """A request in flight for an hour, and none other: its replica stays."""
    knobs = QUICK
    course = watch(knobs, lambda at: (1.0, 3600.0) if at < 5 else (0.001, 3600.0), 3000)
    assert changes(course, 0) == [(1, 1)]


def test_a_burst_does_not_wait() -> None:
    """Four times the load: replicas within seconds, and none removed for a minute, whatever the delays."""
    knobs = replace(BUSY, low=1)
    told = changes(watch(knobs, lambda at: (16.0 if at > 100 else 2.0, 1.0), 130), 1)
    assert told[0][0] <= 110
    assert told[-1][1] == 8


def test_replicas_of_a_burst_stay_for_the_delay() -> None:
    """Bursts of ten seconds, one every two minutes, and little else: the replicas that a burst brought do not come and
    go with each, but stay until none came for the delay of scaling down."""
    knobs = replace(BUSY, low=1, downscale_delay=300)
    told = changes(watch(knobs, lambda at: (6.0 if at % 120 < 10 and at < 1200 else 0.5, 1.0), 2400), 1)
    assert [wanted for _, wanted in told] == [3, 1]
    assert told[1][0] > 1080 + 300


def test_jitter_of_the_load_does_not_flap() -> None:
    """Around 5 requests a second, and 25 % more or less every few seconds: up once, and then nothing."""
    knobs = replace(RATE, low=1, upscale_delay=60, downscale_delay=300)
    told = changes(watch(knobs, lambda at: (5.0 * (1.25 if at % 14 < 7 else 0.75), 0.1), 3600), 1)
    assert [n for _, n in told] == sorted({n for _, n in told})
    assert told[-1][0] < 300


def test_a_gap_does_not_look_like_a_flood() -> None:
    """Nobody looked for ten minutes: what arrived meanwhile is spread over them."""
    knobs = replace(RATE, low=1, upscale_delay=0)
    memory = decide(Load(arrived=60), knobs, begin(knobs, Load(), NOW), NOW + 60).memory
    assert decide(Load(arrived=60 + 1200), knobs, memory, NOW + 660).wanted == 1


def test_counters_that_begin_anew() -> None:
    """The endpoint was restarted: what it counts from then on is added, and nothing is counted twice."""
    knobs = replace(RATE, low=1, upscale_delay=0, per_replica=1)
    memory = decide(Load(arrived=1_000_000), knobs, begin(knobs, Load(arrived=999_940), NOW), NOW + 30).memory
    after = decide(Load(arrived=120), knobs, memory, NOW + 60)
    assert after.wanted == 3
    assert decide(Load(arrived=120), knobs, after.memory, NOW + 130).memory.calls[-1].replicas == 1


def test_a_clock_set_back_is_survived() -> None:
    """What is remembered of the future is dropped, and the number of replicas stays."""
    knobs = replace(QUICK, low=1)
    memory = replace(begin(knobs, Load(), NOW), wanted=4)
    decision = decide(Load(arrived=10), knobs, memory, NOW - 3600)
    assert decision.wanted == 4
    for second in range(1, 60):
        decision = decide(Load(arrived=10), knobs, decision.memory, NOW - 3600 + second)
    assert decision.wanted == 1


def test_bounds_that_changed_hold_at_once() -> None:
    """After an update with other bounds the number is within them, without delay."""
    memory = replace(begin(RATE, Load(), NOW), wanted=8, calls=(Call(NOW, 8),))
    assert decide(Load(), replace(RATE, low=1, high=3), memory, NOW + 1).wanted == 3
    assert decide(Load(), replace(RATE, low=9, high=12), memory, NOW + 1).wanted == 9


POLICIES = st.sampled_from(list(ScalingPolicy))
DELAYS = st.sampled_from([0.0, 1.0, 20.0, 300.0])
LOADS = st.lists(st.tuples(st.integers(0, 60), st.floats(0, 40), st.floats(0, 3)), min_size=1, max_size=12)
"""(seconds that it lasts, requests a second, seconds that each takes)"""


@st.composite
def knobs_of(draw: st.DrawFn) -> Autoscaling:
    """What a user may ask for."""
    low = draw(st.integers(0, 3))
    return Autoscaling(
        draw(POLICIES),
        draw(st.floats(0.1, 10)),
        low,
        low + draw(st.integers(1, 8)),
        draw(DELAYS),
        draw(DELAYS),
    )


def traffic_of(parts: list[tuple[int, float, float]]) -> tuple[Traffic, int]:
    """One part after the other, and how long they last together."""
    second_by_second = [(rate, duration) for seconds, rate, duration in parts for _ in range(seconds)]
    return lambda at: second_by_second[min(int(at), len(second_by_second)) - 1], len(second_by_second)


@settings(deadline=None)
@given(knobs_of(), LOADS)
def test_always_within_bounds(knobs: Autoscaling, parts: list[tuple[int, float, float]]) -> None:
    """Whatever the load."""
    traffic, seconds = traffic_of(parts)
    assert all(knobs.low <= wanted <= knobs.high for _, wanted in watch(knobs, traffic, seconds))


@settings(deadline=None)
@given(knobs_of(), LOADS, st.sets(st.integers(0, 300)))
def test_a_restart_changes_no_decision(
    knobs: Autoscaling, parts: list[tuple[int, float, float]], restarts: set[int]
) -> None:
    """The memory, written down and read again at any moments, leads to the same decisions."""

    def again(at: float, memory: ScalingMemory) -> ScalingMemory:
        return MEMORY.validate_json(MEMORY.dump_json(memory)) if at in restarts else memory

    traffic, seconds = traffic_of(parts)
    assert list(watch(knobs, traffic, seconds)) == list(watch(knobs, traffic, seconds, restart=again))


@settings(deadline=None)
@given(knobs_of(), LOADS, st.floats(1, 4))
def test_more_load_never_calls_for_less(
    knobs: Autoscaling, parts: list[tuple[int, float, float]], factor: float
) -> None:
    """After the same past, a heavier last reading wants as many replicas, or more."""
    traffic, seconds = traffic_of(parts)
    memory = begin(knobs, Load(), NOW)

    def keep(_: float, latest: ScalingMemory) -> ScalingMemory:
        nonlocal memory
        memory = latest
        return latest

    list(watch(knobs, traffic, seconds, restart=keep))
    more = 100.0
    light, heavy = (
        Load(
            memory.arrived + int(share * more),
            memory.refused + (int(share * more) if memory.wanted == 0 else 0),
            memory.busy_seconds + share * more,
            int(share * 10),
        )
        for share in (1.0, factor)
    )
    at = NOW + seconds + 10
    assert decide(light, knobs, memory, at).wanted <= decide(heavy, knobs, memory, at).wanted


@settings(deadline=None, max_examples=50)
@given(knobs_of(), st.floats(0.1, 30), st.floats(0.01, 2))
def test_a_steady_load_settles(knobs: Autoscaling, rate: float, duration: float) -> None:
    """Once every window has seen the load, the number stays, and it is what the formula says."""
    past = int(knobs.upscale_delay + knobs.downscale_delay + 200)
    course = list(watch(knobs, lambda _: (rate, duration), past + 600))
    late = {wanted for at, wanted in course if at > past}
    by_rate = knobs.policy in (ScalingPolicy.REQUEST_RATE, ScalingPolicy.INSTANCE_AWARE)
    load = rate if by_rate else rate * duration
    exact = max(knobs.low, min(knobs.high, load / knobs.per_replica))
    assert max(late) - min(late) <= 1
    assert all(exact - 1 <= wanted <= exact + 1 + 1 / (60 * knobs.per_replica) for wanted in late)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=2000))
@settings(deadline=None, max_examples=20)
def test_memory_is_bounded(calls: list[int]) -> None:
    """However restless the load, no more is remembered than the windows reach back."""
    knobs = replace(BUSY, per_replica=1, upscale_delay=5, downscale_delay=30)
    memory = begin(knobs, Load(), NOW)
    for second, number in enumerate(calls, 1):
        memory = decide(Load(second, 0, memory.busy_seconds + number, number), knobs, memory, NOW + second).memory
        assert len(memory.calls) <= 36
        assert len(memory.buckets) <= 61


@pytest.mark.parametrize("policy", [p for p in ScalingPolicy if p is not ScalingPolicy.INSTANCE_AWARE])
def test_who_waits_wakes_a_service_at_once(policy: ScalingPolicy) -> None:
    """At zero the first request that is held brings a replica at the same moment, though the counters know nothing
    yet."""
    knobs = replace(RATE, policy=policy, latency=1.0)
    memory = decide(Load(), knobs, begin(knobs, Load(), NOW), NOW + 1000).memory
    assert decide(Load(in_flight=1, held=1), knobs, memory, NOW + 1000.01).wanted == 1


@pytest.mark.parametrize("policy", [ScalingPolicy.CONCURRENCY, ScalingPolicy.QUEUE])
def test_those_who_wait_are_counted_at_once(policy: ScalingPolicy) -> None:
    """Many that wait call for as many replicas as they would keep busy, not for one and then one more."""
    knobs = replace(RATE, policy=policy)
    memory = decide(Load(), knobs, begin(knobs, Load(), NOW), NOW + 1000).memory
    assert decide(Load(in_flight=9, held=9), knobs, memory, NOW + 1000.01).wanted == 5


def test_a_queue_is_what_is_there_now() -> None:
    """Requests in flight count as they are; without any that wait they call for more only after the delay."""
    knobs = replace(QUICK, policy=ScalingPolicy.QUEUE)
    seen = Seen(rate=0, concurrency=0, burst_concurrency=0, in_flight=7, refused=0)
    assert (queue(seen, knobs).replicas, queue(seen, knobs).burst) == (4, 0)
    assert (queue(replace(seen, held=3), knobs).replicas, queue(replace(seen, held=3), knobs).burst) == (4, 4)
    course = changes(watch(knobs, lambda at: (2, 4), 60), 0)
    assert course[-1][1] == 4
