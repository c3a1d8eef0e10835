"""Steps: how far the number of replicas moves within a period."""

from dataclasses import replace
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyserve.model.autoscaling import Autoscaling, Call, ScalingPolicy, StepLimit
from skyserve.policy.autoscaling.stepping import stepped
from tests.policy.test_autoscaling import LOADS, NOW, changes, traffic_of, watch

KNOBS = Autoscaling(ScalingPolicy.CONCURRENCY, 1, low=0, high=20, upscale_delay=0, downscale_delay=0)


@pytest.mark.parametrize(
    ("step", "past", "before", "wanted", "after"),
    [
        (StepLimit(replicas=2), [(-100, 4)], 4, 9, 6),
        (StepLimit(replicas=2), [(-100, 4)], 4, 5, 5),
        (StepLimit(replicas=2), [(-100, 4), (-30, 6)], 6, 9, 6),
        (StepLimit(replicas=2), [(-100, 4), (-60, 6)], 6, 9, 8),
        (StepLimit(percent=50), [(-100, 5)], 5, 20, 8),
        (StepLimit(percent=10), [(-100, 1)], 1, 20, 2),
        (StepLimit(1, 100), [(-100, 4)], 4, 20, 8),
        (StepLimit(5, 100), [(-100, 2)], 2, 20, 7),
        # From zero one may always come.
        (StepLimit(percent=50), [(-100, 0)], 0, 9, 1),
        # New bounds have moved it farther already.
        (StepLimit(replicas=2), [(-100, 1)], 6, 9, 6),
    ],
)
def test_up(step: StepLimit, past: list[tuple[float, int]], before: int, wanted: int, after: int) -> None:
    """Whichever of number and percentage is more, from what was wanted when the period of 60 s began."""
    history = tuple(Call(NOW + ago, replicas) for ago, replicas in past)
    assert stepped(wanted, before, history, replace(KNOBS, upscale_step=step), NOW) == after


@pytest.mark.parametrize(
    ("step", "past", "before", "wanted", "after"),
    [
        (StepLimit(replicas=2), [(-100, 9)], 9, 1, 7),
        (StepLimit(replicas=2), [(-100, 9), (-30, 7)], 7, 1, 7),
        (StepLimit(percent=10), [(-100, 5)], 5, 0, 4),
        (StepLimit(percent=100), [(-100, 5)], 5, 0, 0),
        (StepLimit(replicas=9), [(-100, 5)], 5, 2, 2),
    ],
)
def test_down(step: StepLimit, past: list[tuple[float, int]], before: int, wanted: int, after: int) -> None:
    """The same on the way down, to zero too."""
    history = tuple(Call(NOW + ago, replicas) for ago, replicas in past)
    assert stepped(wanted, before, history, replace(KNOBS, downscale_step=step), NOW) == after


def test_a_burst_comes_by_steps() -> None:
    """Sixteen times the load: two more replicas each half minute, and no sooner."""
    knobs = replace(KNOBS, low=1, upscale_step=StepLimit(replicas=2, period=30))
    told = changes(watch(knobs, lambda at: (16.0 if at > 100 else 1.0, 1.0), 220), 1)
    assert [n for _, n in told] == [3, 5, 7, 9]
    times = [at for at, _ in told]
    assert all(29 <= later - earlier <= 36 for earlier, later in pairwise(times))


STEPS = st.builds(StepLimit, st.integers(1, 4), st.sampled_from([0.0, 50.0]), st.sampled_from([10.0, 60.0]))


@settings(deadline=None)
@given(LOADS, STEPS, STEPS)
def test_no_move_goes_farther(parts: list[tuple[int, float, float]], up: StepLimit, down: StepLimit) -> None:
    """Whatever the load, no change leads farther from where the number was a period ago than a step."""
    traffic, seconds = traffic_of(parts)
    course = [(0.0, 0), *watch(replace(KNOBS, upscale_step=up, downscale_step=down), traffic, seconds)]
    for (_, before), (at, wanted) in pairwise(course):
        if wanted > before:
            base = course[max(0, int(at - up.period))][1]
            assert wanted <= base + max(1, up.replicas, ceil(base * up.percent / 100))
        if wanted < before:
            base = course[max(0, int(at - down.period))][1]
            assert wanted >= base - max(down.replicas, ceil(base * down.percent / 100))
