"""Policies of users: what they are shown, what becomes of their answers, and that no answer harms the service."""

import sys
from collections.abc import Callable
from dataclasses import replace
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyserve.model.autoscaling import Autoscaling, Call, ScalingMemory, ScalingPolicy
from skyserve.model.load import Load
from skyserve.model.plan import Amend, Move, Remember
from skyserve.model.replica import Phase
from skyserve.model.snapshot import Snapshot
from skyserve.policy.autoscaling.demand import Demand
from skyserve.policy.autoscaling.window import Seen
from skyserve.policy.planner import plan
from skyserve.policy.view import service_view
from skyserve.policy.wanted import wanted_replicas
from tests.policy.worlds import NOW, replica, world

KNOBS = Autoscaling(ScalingPolicy.CONCURRENCY, 2, low=1, high=6, upscale_delay=0, function="mine:scale")


def asking(own_policy: Callable[..., object] | None, *, trouble: str = "") -> Snapshot:
    """A service of two replicas whose number that function decides, with a reading due."""
    memory = ScalingMemory(2, NOW - 60, calls=(Call(NOW - 3600, 2),), trouble=trouble)
    snapshot = world(
        replica(1, Phase.READY),
        replica(2, Phase.READY),
        target={"autoscaling": KNOBS},
        load=Load(arrived=120),
        own_policy=own_policy,
    )
    return replace(snapshot, service=replace(snapshot.service, scaling=memory, first_ready_at=NOW - 90))


def after(snapshot: Snapshot) -> tuple[int, list[str]]:
    """(replicas wanted, what the events say of it) once the plan is carried out."""
    actions = plan(snapshot).actions
    (service,) = (a.service for a in actions if isinstance(a, Amend | Remember))
    return wanted_replicas(service, snapshot.version.target), [a.reason for a in actions if isinstance(a, Amend)]


def test_it_decides_within_the_bounds() -> None:
    """It is shown the snapshot and the load; its number is kept within the bounds, and told."""

    def scale(snapshot: Snapshot, seen: Seen) -> int:
        return len(snapshot.replicas) + round(seen.rate)

    assert after(asking(scale)) == (4, ["replicas wanted: 4, before: 2; mine:scale wants 4"])
    assert after(asking(lambda snapshot, seen: 99))[0] == 6


def test_it_may_give_its_own_reason() -> None:
    """A Demand has words for the events."""
    wanted, told = after(asking(lambda snapshot, seen: Demand(3, "three is a good number")))
    assert (wanted, told) == (3, ["replicas wanted: 3, before: 2; three is a good number"])


def _broken(snapshot: Snapshot, seen: Seen) -> int:
    raise LookupError("no such\n  thing")


@pytest.mark.parametrize(
    ("own_policy", "words"),
    [
        (_broken, "mine:scale failed: LookupError: no such thing"),
        (None, "mine:scale is not there"),
        (lambda snapshot, seen: 2.5, "mine:scale returned 2.5: it should be a whole number, 0 or more, or a Demand"),
        (lambda snapshot, seen: -1, "mine:scale returned -1: it should be a whole number, 0 or more, or a Demand"),
        (lambda snapshot, seen: True, "mine:scale returned True: it should be a whole number, 0 or more, or a Demand"),
        (lambda snapshot, seen: None, "mine:scale returned None: it should be a whole number, 0 or more, or a Demand"),
        (lambda snapshot, seen: nan, "mine:scale returned nan: it should be a whole number, 0 or more, or a Demand"),
        (lambda snapshot, seen: 10**9, "mine:scale returned 1000000000: it should be a whole number"),
        (lambda snapshot, seen: 10**9999, "mine:scale returned some int that cannot be shown"),
        (lambda snapshot, seen: sys.exit("done"), "mine:scale failed: SystemExit: done"),
        (lambda: 3, "mine:scale failed: TypeError"),
    ],
)
def test_a_mistake_leaves_the_number_as_it_is(own_policy: Callable[..., object] | None, words: str) -> None:
    """The event says what went wrong, once; the status says so as long as it does."""
    snapshot = asking(own_policy)
    wanted, (told,) = after(snapshot)
    assert wanted == 2
    assert told.startswith(f"replicas wanted: 2 as before; {words}")
    assert after(asking(own_policy, trouble="the same as before")) == (2, [])
    (failed,) = (a.service for a in plan(snapshot).actions if isinstance(a, Amend))
    view = service_view(replace(snapshot, service=failed), policy="", requested_resources="", host="")
    assert view.detail.startswith(words)


def test_it_is_trusted_again_once_it_answers() -> None:
    """The trouble is forgotten with the first answer."""
    snapshot = asking(lambda snapshot, seen: 2, trouble="mine:scale failed")
    (kept,) = (a.service for a in plan(snapshot).actions if isinstance(a, Amend | Remember))
    assert kept.scaling is not None and kept.scaling.trouble == ""


ANSWERS = st.one_of(
    st.integers(),
    st.floats(),
    st.none(),
    st.text(max_size=3),
    st.builds(Demand, st.one_of(st.integers(), st.text(max_size=2)), st.text(max_size=3), st.integers()),
)


@given(ANSWERS)
def test_no_answer_leads_out_of_the_bounds(answer: object) -> None:
    """Whatever it returns, a plan is made, the number is within the bounds, and no replica goes for a mistake."""
    snapshot = asking(lambda snapshot, seen: answer)
    assert KNOBS.low <= after(snapshot)[0] <= KNOBS.high
    assert not [a for a in plan(snapshot).actions if isinstance(a, Move)]
