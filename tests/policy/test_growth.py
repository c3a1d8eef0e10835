"""What a pass of the planner costs as a service grows, counted in calls of functions, which no busy machine changes."""

import sys
from types import FrameType
from typing import Any

import pytest

from bench.planner import KINDS, PASSES
from skyserve.model.snapshot import Snapshot
from skyserve.policy.planner import plan

FEW, MANY = 100, 1_000
GROWTH = 1.2
"""What the calls for each replica may grow by while replicas become ten times as many: sorting adds a little."""


def calls(snapshot: Snapshot) -> int:
    """Functions called in one pass, those of the interpreter too."""
    count = 0

    def called(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        plan(snapshot)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("change", PASSES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_costs_the_same_for_each_replica(kind: str, change: str) -> None:
    """Ten times as many replicas cost about ten times as much, whatever happens to them."""
    few, many = (calls(PASSES[change](KINDS[kind](size))) / size for size in (FEW, MANY))
    assert many < few * GROWTH


@pytest.mark.parametrize("change", [name for name in PASSES if name != "calm"])
def test_what_is_measured_happens(change: str) -> None:
    """A pass in which something is to be done does it."""
    assert plan(PASSES[change](KINDS["fixed"](FEW))).actions
