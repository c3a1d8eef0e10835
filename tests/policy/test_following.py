"""What the planner makes of a load: the number of replicas, what is recorded, what is told."""

from dataclasses import replace

import pytest

from skyserve.model.autoscaling import Autoscaling, Bucket, Call, ScalingMemory, ScalingPolicy
from skyserve.model.load import Load
from skyserve.model.plan import Amend, Create, Move, Remember
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.service import Goal
from skyserve.model.snapshot import Snapshot
from skyserve.model.view import ServiceStatus
from skyserve.policy.planner import plan
from skyserve.policy.view import service_view
from tests.policy.worlds import NOW, THERE, replica, seen, world

KNOBS = Autoscaling(ScalingPolicy.REQUEST_RATE, 2, low=1, high=3, upscale_delay=30, downscale_delay=60)
CALM = Load(arrived=60)
"""One request a second since the last reading, a minute ago."""


def remembering(wanted: int) -> ScalingMemory:
    """A memory of a load that has called for so many for an hour."""
    rate = 2 * wanted
    return ScalingMemory(
        wanted,
        NOW - 60,
        buckets=(Bucket(NOW - 60, 60, 60 * rate, 0.0),),
        calls=(Call(NOW - 3600, wanted),),
    )


def scaled(
    *replicas: Replica,
    wanted: int = 1,
    load: Load | None = CALM,
    knobs: Autoscaling = KNOBS,
    goal: Goal = Goal.RUN,
) -> Snapshot:
    """A service whose autoscaler has wanted so many."""
    row = {"scaling": remembering(wanted), "first_ready_at": NOW - 90}
    return world(*replicas, service=row, target={"autoscaling": knobs}, goal=goal, load=load)


def created(snapshot: Snapshot) -> int:
    """Replicas that the plan adds."""
    return sum(isinstance(action, Create) for action in plan(snapshot).actions)


def test_the_memory_decides_how_many() -> None:
    """Not the number that the service began with."""
    assert created(scaled(replica(1, Phase.READY), wanted=3, load=Load(arrived=360))) == 2


def test_what_is_seen_is_recorded_without_a_word() -> None:
    """A look that changes nothing leaves no event, and the memory of it."""
    made = plan(scaled(replica(1, Phase.READY)))
    (action,) = made.actions
    assert isinstance(action, Remember)
    assert action.service.scaling is not None
    assert action.service.scaling.arrived == 60
    assert made.wake_at == NOW + 5


def test_a_change_is_told_with_its_reason() -> None:
    """An event has the number, what it was, and the load."""
    lately = replace(remembering(3), calls=(Call(NOW - 3600, 3), Call(NOW - 70, 1)))
    snapshot = world(
        *(replica(n, Phase.READY) for n in (1, 2, 3)),
        service={"scaling": lately, "first_ready_at": NOW - 90},
        target={"autoscaling": KNOBS},
        load=CALM,
    )
    made = plan(snapshot)
    (told,) = (a for a in made.actions if isinstance(a, Amend))
    assert told.reason == ("replicas wanted: 1, before: 3; 1.00 requests a second over 60 s, 2 a replica, 0 in flight")
    assert [a.replica.id for a in made.actions if isinstance(a, Move) and a.cause is Cause.SCALED_DOWN] == [3, 2]


@pytest.mark.parametrize(("load", "goal"), [(None, Goal.RUN), (CALM, Goal.DOWN)])
def test_nothing_is_decided(load: Load | None, goal: Goal) -> None:
    """Where the load is not known, and where the service goes down."""
    snapshot = scaled(replica(1, Phase.READY), load=load, goal=goal)
    assert not [a for a in plan(snapshot).actions if isinstance(a, Amend | Remember | Create)]


def test_overprovisioned_ones_come_on_top() -> None:
    """Three for the load at most, and one more."""
    knobs = replace(KNOBS, overprovision=1)
    assert created(scaled(wanted=3, load=Load(arrived=360), knobs=knobs)) == 4


def test_the_most_counts_what_is_on_its_way_out() -> None:
    """Two live, one drains: there is no room for a fourth machine; once it is gone there is."""
    living = (replica(1, Phase.READY), replica(2, Phase.READY))
    leaving = replica(3, Phase.TERMINATING, ended_by=Cause.RUN_FAILED)
    assert created(scaled(*living, leaving, wanted=3, load=Load(arrived=360))) == 0
    gone = replica(3, Phase.GONE, ended_by=Cause.RUN_FAILED)
    assert created(scaled(*living, gone, wanted=3, load=Load(arrived=360))) == 1


def test_a_dark_machine_does_not_take_the_room_of_another() -> None:
    """What ended at a place that does not answer for a while may stay there for ever: it is replaced."""
    living = (replica(1, Phase.READY), replica(2, Phase.READY))
    lost = replica(3, Phase.TERMINATING, ended_by=Cause.MACHINE_LOST, offer=THERE)
    snapshot = scaled(*living, lost, wanted=3, load=Load(arrived=360))
    for seconds, more in ((60, 1), (3, 0)):
        dark = {**snapshot.observations, 3: seen(3, unreachable_since=NOW - seconds)}
        assert created(replace(snapshot, observations=dark)) == more


def test_users_see_the_number_that_the_load_calls_for() -> None:
    """The target is what is wanted now; at zero the service says so."""
    view = service_view(scaled(wanted=3), policy="", requested_resources="", host="127.0.0.1")
    assert view.target_replicas == 3
    asleep = scaled(wanted=0, knobs=replace(KNOBS, low=0))
    view = service_view(asleep, policy="", requested_resources="", host="127.0.0.1")
    assert (view.target_replicas, view.status) == (0, ServiceStatus.NO_REPLICA)
