"""The time to the first byte as a target: what is counted, how the limit moves, and where it comes to rest."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyserve.model.autoscaling import Autoscaling, ScalingMemory, ScalingPolicy, Tuning
from skyserve.model.load import FIRST_BYTE_BOUNDS, Load
from skyserve.policy.autoscaling.decision import begin, decide
from skyserve.policy.autoscaling.first_bytes import between, percentile
from skyserve.policy.autoscaling.fleet import Fleet
from skyserve.policy.autoscaling.latency import FORGET, NEAR, RANGE, latency
from skyserve.policy.autoscaling.window import Seen
from tests.policy.test_autoscaling import MEMORY, NOW, seen

KNOBS = Autoscaling(ScalingPolicy.LATENCY, per_replica=4, low=1, high=20, latency=1.0, downscale_delay=300)


def index_of(seconds: float) -> int:
    """Of the first bound that it lies within."""
    return next(i for i, bound in enumerate(FIRST_BYTE_BOUNDS) if seconds <= bound)


def counts(*times: float) -> tuple[int, ...]:
    """Totals after answers that took these seconds to begin."""
    return tuple(sum(time <= bound for time in times) for bound in FIRST_BYTE_BOUNDS)


@given(st.lists(st.floats(0.0001, 700), min_size=1), st.floats(1, 99.9))
def test_the_percentile_is_known_to_a_bound(times: list[float], percent: float) -> None:
    """It lies between the same two bounds as the exact one."""
    exact = sorted(times)[min(len(times) - 1, int(len(times) * percent / 100))]
    lower = sorted(times)[max(0, -(-len(times) * percent // 100).__int__() - 1)]
    (found,) = [percentile([between(counts(), counts(*times))], percent)]
    assert found is not None
    assert index_of(min(lower, exact)) <= index_of(found - 1e-9) <= index_of(max(lower, exact))


def test_only_what_came_between_two_readings_counts() -> None:
    """Totals that began anew count as they are; of readings that know nothing, or other bounds, nothing is known."""
    assert between(counts(0.1), counts(0.1, 2, 2)) == ((index_of(2), 2),)
    assert between(counts(0.1, 0.1), counts(2)) == ((index_of(2), 1),)
    assert between((), counts(2)) == between(counts(2), ()) == between((1, 2), counts(2)) == ()
    assert percentile([], 95) is None


def read(first_byte: float | None, *, ready: int = 4, busy: float = 16, limit: float = 4, **changes: float) -> Seen:
    """Five minutes after anything changed: so many in flight, and answers that began so late."""
    tuning = Tuning(limit, NOW - 300, ready)
    some = seen(concurrency=busy, burst_concurrency=busy)
    made = replace(some, first_byte=first_byte, answers=500, now=NOW, wanted=ready, tuning=tuning)
    return replace(made, fleet=Fleet(ready=ready), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_reading", "limit"),
    [
        (read(1.2), 3.6),  # too late: 0.9 of the limit
        (read(1.2, busy=8), 1.8),  # too late with fewer in flight: 0.9 of those
        (read(1.2, busy=40), 4.0),  # too late, and more replicas are called for already
        (read(0.3), 4.4),  # in time, also with the fewer replicas that 4.4 would call for
        (read(0.95, ready=16, busy=64), 4.0),  # in time, but not with one fewer
        (read(0.3, busy=14), 4.4),  # as many would be called for by 0.9 of the limit
        (read(0.3, busy=10), 4.0),  # the limit is not used
        (read(0.3, limit=2, busy=20), 2.4),  # the most replicas are there, and below where it began it may rise
        (read(0.3, busy=40), 4.0),  # in time, while more replicas are called for: the limit is not what is at work
        (read(1.2, wanted=5), 4.0),  # one is still to come
        (read(1.2, answers=19), 4.0),
        (read(None), 4.0),
        (read(1.2, limit=0.5, busy=2), 0.5),  # an eighth of what it began with
        (read(0.01, limit=32, busy=128), 32.0),  # eight times
    ],
)
def test_where_the_limit_moves(given_reading: Seen, limit: float) -> None:
    """Down when answers begin too late and enough replicas were there, up when fewer would do."""
    tuning = latency(given_reading, KNOBS).tuning
    assert tuning is not None
    assert tuning.limit == pytest.approx(limit)


def test_it_waits_for_a_whole_window_of_the_same_replicas() -> None:
    """A replica that came or went begins the wait anew."""
    soon = replace(read(1.2), tuning=Tuning(4, NOW - 59, 4))
    assert latency(soon, KNOBS).tuning == soon.tuning
    other = replace(read(1.2), tuning=Tuning(4, NOW - 300, 3))
    assert latency(other, KNOBS).tuning == Tuning(4, NOW, 4)


def test_what_the_limit_has_risen_by_is_given_back_at_once() -> None:
    """Answers that begin too late send it back to where it began, whatever else goes on; it returns only slowly."""
    risen = replace(read(1.2, busy=90, wanted=20), tuning=Tuning(7.5, NOW - 1, 9))
    fallen = latency(risen, KNOBS).tuning
    assert fallen == Tuning(4, NOW, 4, edge=7.5)
    again = replace(read(0.3, busy=24, limit=6), tuning=Tuning(6, NOW - 300, 4, edge=7.5))
    first = latency(again, KNOBS).tuning
    assert first is not None
    assert first.limit == pytest.approx(NEAR * 7.5)
    assert first.edge == pytest.approx(FORGET * 7.5)


def test_while_answers_are_late_there_is_no_delay() -> None:
    """What is called for is wanted at once, where it would take upscale_delay_seconds if answers began in time."""
    knobs = replace(KNOBS, upscale_delay=300)
    memory = begin(replace(knobs, low=8), Load(first_bytes=counts()), NOW)

    def wanted(*times: float) -> int:
        load = Load(50, 0, 44.0 * 60, 44, counts(*times))
        return decide(load, knobs, memory, NOW + 60, partial(Fleet, ready=8)).wanted

    assert (wanted(*[0.1] * 50), wanted(*[3.0] * 50)) == (8, 11)


def serve(
    knobs: Autoscaling, in_flight: Callable[[int], float], first_byte: Callable[[float], float], seconds: int
) -> Iterator[tuple[int, ScalingMemory]]:
    """Second by second: replicas come at once; each answer begins as late as requests in flight at each make it."""
    totals = [0] * len(FIRST_BYTE_BOUNDS)
    told = tuple(totals)
    busy = 0.0
    memory = begin(knobs, Load(first_bytes=told), NOW)
    for second in range(1, seconds + 1):
        there = max(1, memory.wanted)
        busy += in_flight(second)
        first = index_of(first_byte(in_flight(second) / there))
        totals[first:] = [total + 2 for total in totals[first:]]
        told = tuple(totals) if second % 5 == 0 else told  # as Envoy adds them up
        load = Load(2 * second, 0, busy, int(in_flight(second)), told)
        memory = decide(load, knobs, memory, NOW + second, partial(Fleet, ready=there)).memory
        yield second, memory


def test_it_finds_how_many_are_fast_enough() -> None:
    """A replica answers in time with six in flight; told four, it has ten of them for sixty, and they stay."""
    course = list(serve(KNOBS, lambda _: 60.0, lambda each: each / 6.1, 3600))
    late = {memory.wanted for second, memory in course if second > 2400}
    assert late <= {10, 11, 12}
    assert len({memory.wanted for second, memory in course if second > 3000}) == 1


def test_it_adds_replicas_where_the_first_guess_was_too_high() -> None:
    """Told eight where two in flight are too many already: more replicas until answers begin in time, or the most."""
    knobs = replace(KNOBS, per_replica=8)
    *_, (_, last) = serve(knobs, lambda _: 24.0, lambda each: each / 2, 5400)
    assert 12 <= last.wanted <= 14


LATENCIES = st.sampled_from([0.01, 0.5, 0.99, 1.01, 4.0])


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.floats(0, 80), LATENCIES), min_size=1, max_size=6))
def test_the_limit_keeps_its_bounds_and_its_pace(parts: list[tuple[float, float]]) -> None:
    """Whatever the latency: within an eighth and eight times; a minute between moves, but for those back to where it
    began; a restart is no matter."""
    knobs = replace(KNOBS, upscale_delay=10, downscale_delay=20)

    def part(second: int) -> tuple[float, float]:
        return parts[min(second // 120, len(parts) - 1)]

    second = 0

    def late(_: float) -> float:
        return part(second)[1]

    moves = [(0, knobs.per_replica)]
    for second, memory in serve(knobs, lambda at: part(at)[0], late, 120 * len(parts)):
        assert memory == MEMORY.validate_json(MEMORY.dump_json(memory))
        assert knobs.low <= memory.wanted <= knobs.high
        if memory.tuning is None:
            continue
        assert knobs.per_replica / RANGE <= memory.tuning.limit <= knobs.per_replica * RANGE
        if memory.tuning.limit != moves[-1][1]:
            moves.append((second, memory.tuning.limit))
    risen = [(later - earlier, limit) for (earlier, _), (later, limit) in pairwise(moves)]
    assert all(seconds >= 60 or limit == knobs.per_replica for seconds, limit in risen)
