"""What the planner does in worlds of one moment: a world before, the actions expected after."""

from dataclasses import replace
from typing import Any

import pytest

from skyserve.model.instance import InstanceState
from skyserve.model.place import Place
from skyserve.model.plan import (
    Abandon,
    Action,
    Amend,
    Create,
    Finish,
    Forget,
    ForgetVersion,
    Launch,
    Meter,
    Move,
    Note,
    Plan,
    Reclaim,
    Remember,
    Start,
    Terminate,
)
from skyserve.model.replica import Cause, Phase
from skyserve.model.route import Backend, BackendStatus
from skyserve.model.service import Goal, ProbeSettings
from skyserve.model.snapshot import ProbeTally, Setback, Snapshot, Stage, TaskStatus
from skyserve.policy.planner import plan
from skyserve.policy.steps.ending import GIVE_UP_SECONDS
from tests.policy.worlds import ACCEPTED, FAILING, HERE, NOW, PASSING, THERE, instance, replica, seen, world


def brief(made: Plan) -> list[object]:
    """The actions, a word each."""
    return [_brief(action) for action in made.actions]


def _brief(action: Action) -> object:
    match action:
        case Move():
            return (action.replica.id, action.cause)
        case Create():
            return ("create", str(action.offer.place))
        case Note():
            return ("note", action.replica.id)
        case Launch() | Start() | Terminate() | Forget():
            return (type(action).__name__.lower(), action.replica_id)
        case Reclaim():
            return ("reclaim", action.instance.id)
        case Amend() | Remember() | Meter():
            return (type(action).__name__.lower(), action.reason)
        case ForgetVersion():
            return ("forget version", action.version)
        case Abandon():
            return ("abandon", action.version, action.to)
        case Finish():
            return "finish"


def with_one(phase: Phase, *, row: dict[str, Any] | None = None, **observed: Any) -> Snapshot:
    """One wanted replica in this phase, observed so."""
    return world(
        replica(1, phase, **(row or {})),
        wanted=1,
        observations={1: seen(1, **observed)},
        service={"first_ready_at": NOW - 50},
    )


STOPPED = instance(1, InstanceState.STOPPED)
FAILED_RUN = TaskStatus(Stage.RUN, 3, "boom")

STORIES: dict[str, tuple[Snapshot, list[object]]] = {
    "missing replicas are created": (
        world(wanted=2),
        [("create", "local (localhost)"), ("create", "local (localhost)")],
    ),
    "a pending replica is launched, the intent first": (
        with_one(Phase.PENDING),
        [(1, Cause.LAUNCH), ("launch", 1)],
    ),
    "a launch that a crash cut off is made again": (
        with_one(Phase.PROVISIONING, instance=None),
        [("launch", 1)],
    ),
    "a launch under way is waited for": (with_one(Phase.PROVISIONING, instance=None, busy=True), []),
    "a launched machine is recorded and used at once": (
        with_one(Phase.PROVISIONING, launched=instance(1), probe=ProbeTally()),
        [("note", 1), (1, Cause.MACHINE_UP)],
    ),
    "no capacity ends the replica": (
        with_one(Phase.PROVISIONING, instance=None, setback=Setback(Cause.NO_CAPACITY, "8 cpus asked, 2 free")),
        [(1, Cause.NO_CAPACITY), ("terminate", 1)],
    ),
    "an uncertain launch is tried again later": (
        with_one(Phase.PROVISIONING, instance=None, setback=Setback(None, "timeout")),
        [("note", 1)],
    ),
    "a task that nobody drives is started": (
        with_one(Phase.STARTING, task=None, probe=ProbeTally()),
        [("start", 1)],
    ),
    "a probe that passes is not enough": (with_one(Phase.STARTING, backend=None), []),
    "a probe that passes and an endpoint that accepts make a replica ready": (
        with_one(Phase.STARTING),
        [(1, Cause.PROBE_PASSED), ("remember", "replica 1 was ready after 15.0 s")],
    ),
    "all is well": (with_one(Phase.READY), []),
    "one failed probe is a blip": (with_one(Phase.READY, probe=ProbeTally(failures=1)), []),
    "failed probes make a replica not ready": (with_one(Phase.READY, probe=FAILING), [(1, Cause.PROBE_FAILED)]),
    "a replica recovers": (with_one(Phase.NOT_READY), [(1, Cause.PROBE_PASSED)]),
    "a replica that fails its probes for too long is replaced": (
        with_one(Phase.NOT_READY, row={"age": 181}, probe=FAILING),
        [(1, Cause.PROBING_FAILED), ("create", "local (localhost)"), ("terminate", 1), ("amend", "failures counted")],
    ),
    "a replica that is not ready in time is replaced": (
        with_one(Phase.STARTING, row={"age": 1201}, probe=FAILING, backend=None),
        [
            (1, Cause.INITIAL_DELAY_EXCEEDED),
            ("create", "local (localhost)"),
            ("terminate", 1),
            ("amend", "failures counted"),
        ],
    ),
    "what was not asked since the controller started is not judged": (
        with_one(Phase.STARTING, row={"age": 1201}, probe=ProbeTally(), backend=None),
        [],
    ),
    "nor is what failed its probes when the controller before asked it": (
        with_one(Phase.NOT_READY, row={"age": 181}, probe=ProbeTally()),
        [],
    ),
    "a run that fails is replaced at once": (
        with_one(Phase.READY, task=FAILED_RUN),
        [(1, Cause.RUN_FAILED), ("create", "local (localhost)"), ("terminate", 1), ("amend", "failures counted")],
    ),
    "a run that ended with 0 may live on in the background": (with_one(Phase.READY, task=TaskStatus(Stage.RUN, 0)), []),
    "processes that are gone are a machine lost": (
        with_one(Phase.READY, instance=STOPPED),
        [(1, Cause.MACHINE_LOST), ("create", "local (localhost)"), ("terminate", 1)],
    ),
    "a machine that vanished is replaced, and its absence seen": (
        with_one(Phase.READY, instance=None, absent=True),
        [(1, Cause.MACHINE_LOST), ("create", "local (localhost)"), (1, Cause.MACHINE_ABSENT)],
    ),
    "what was lost long ago is forgotten": (
        world(replica(1, Phase.GONE, age=601, ended_by=Cause.MACHINE_LOST), wanted=0),
        [("forget", 1)],
    ),
    "a machine that does not answer but serves is left alone": (
        with_one(Phase.READY, instance=None, unreachable_since=NOW - 60),
        [],
    ),
    "a machine that will be taken away is replaced while it serves": (
        with_one(Phase.READY, instance=instance(1, doomed_at=NOW + 30)),
        [("note", 1), ("create", "local (localhost)")],
    ),
    "a draining replica waits for its requests": (
        with_one(Phase.DRAINING, row={"age": 10}, backend=BackendStatus(True, in_flight=2)),
        [("create", "local (localhost)")],
    ),
    "a drained replica goes": (
        with_one(Phase.DRAINING, row={"age": 10}),
        [("create", "local (localhost)"), (1, Cause.DRAINED), ("terminate", 1)],
    ),
    "a drain ends at its deadline": (
        with_one(Phase.DRAINING, row={"age": 121}, backend=BackendStatus(True, in_flight=2)),
        [("create", "local (localhost)"), (1, Cause.DRAINED), ("terminate", 1)],
    ),
    "a failed termination is told and tried later": (
        with_one(Phase.TERMINATING, setback=Setback(None, "no route")),
        [("note", 1), ("create", "local (localhost)")],
    ),
    "an accepted termination is waited for": (
        with_one(Phase.TERMINATING, settled_at=NOW - 1),
        [("create", "local (localhost)")],
    ),
    "what is gone is forgotten": (
        world(replica(1, Phase.GONE, ended_by=Cause.SCALED_DOWN), wanted=0),
        [("forget", 1)],
    ),
    "too many replicas: the youngest, least ready goes": (
        world(
            replica(1, Phase.READY),
            replica(2, Phase.STARTING),
            wanted=1,
            observations={2: seen(2, probe=ProbeTally())},
            service={"first_ready_at": NOW - 50},
        ),
        [(2, Cause.SCALED_DOWN), ("terminate", 2)],
    ),
    "what nobody asked for is reclaimed": (
        world(wanted=0, leaks=(instance(9),)),
        [("reclaim", "i-9")],
    ),
    "down ends every replica": (
        world(replica(1, Phase.READY), replica(2, Phase.STARTING), goal=Goal.DOWN, service={"first_ready_at": NOW}),
        [
            (2, Cause.PROBE_PASSED),
            ("remember", "replica 2 was ready after 15.0 s"),
            (1, Cause.SERVICE_DOWN),
            (2, Cause.SERVICE_DOWN),
        ],
    ),
    "down is finished when nothing is left": (world(goal=Goal.DOWN), ["finish"]),
    "down waits for the last machine": (
        world(replica(1, Phase.TERMINATING), goal=Goal.DOWN, observations={1: seen(1, busy=True)}),
        [],
    ),
    "purge tries to terminate a machine that cannot be told": (
        world(
            replica(1, Phase.TERMINATING),
            goal=Goal.PURGE,
            observations={1: seen(1, instance=None, unreachable_since=NOW - 5)},
        ),
        [("terminate", 1)],
    ),
    "purge gives up a machine that cannot be terminated": (
        world(
            replica(1, Phase.TERMINATING, attempts=1),
            goal=Goal.PURGE,
            observations={1: seen(1, instance=None, unreachable_since=NOW - 5)},
        ),
        [(1, Cause.PURGED), ("forget", 1), "finish"],
    ),
    "purge waits a while for a machine whose termination was accepted": (
        world(
            replica(1, Phase.TERMINATING, age=GIVE_UP_SECONDS - 1),
            goal=Goal.PURGE,
            observations={1: seen(1, settled_at=NOW - 1)},
        ),
        [],
    ),
    "purge gives up a machine that stays listed": (
        world(
            replica(1, Phase.TERMINATING, age=GIVE_UP_SECONDS),
            goal=Goal.PURGE,
            observations={1: seen(1, settled_at=NOW - 1)},
        ),
        [(1, Cause.PURGED), ("forget", 1), "finish"],
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_story(story: str) -> None:
    """In this world, these are the actions, in this order."""
    snapshot, expected = STORIES[story]
    assert brief(plan(snapshot)) == expected


def test_every_action_has_a_reason() -> None:
    """A user can ask why of everything."""
    for snapshot, _ in STORIES.values():
        assert all(action.reason for action in plan(snapshot).actions)


def test_routes_hold_who_serves() -> None:
    """Ready replicas get traffic, a starting one that passes is offered to the endpoint, a draining one is marked."""
    snapshot = world(
        replica(1, Phase.READY),
        replica(2, Phase.STARTING),
        replica(3, Phase.DRAINING),
        replica(4, Phase.NOT_READY),
        replica(5, Phase.TERMINATING),
        wanted=3,
        observations={
            2: seen(2, backend=None),
            3: seen(3, backend=BackendStatus(True, in_flight=1)),
            4: seen(4, probe=FAILING),
        },
    )
    address = instance(1).addresses[8080]
    assert plan(snapshot).routes.backends == (
        Backend(1, address, version=1),
        Backend(2, address, version=1),
        Backend(3, address, draining=True, version=1),
    )


def test_the_endpoint_does_not_probe_what_costs() -> None:
    """A probe with a body or with secrets stays the controller's own; the endpoint then only connects."""
    post = world(target={"probe": ProbeSettings(method="POST", body={"x": 1})})
    keyed = world(target={"probe": ProbeSettings(headers={"Authorization": "k"})})
    assert plan(post).routes.health_path is plan(keyed).routes.health_path is None
    assert plan(world()).routes.health_path == "/"


def test_a_place_that_refused_rests() -> None:
    """The next replica goes elsewhere, or waits with the numbers it was told."""
    refused = replica(1, Phase.GONE, ended_by=Cause.NO_CAPACITY, detail="8 cpus asked, 2 free")
    assert ("create", "ssh/pool (host)") in brief(plan(world(refused, wanted=1, offers=(HERE, THERE))))
    waiting = plan(world(refused, wanted=1))
    assert brief(waiting) == []
    assert waiting.wake_at == refused.since + 20


def test_equal_places_share_the_replicas() -> None:
    """Replicas spread over places of the same price."""
    other = replace(THERE, place=Place("ssh/pool", zone="other"))
    places = [a.offer.place.zone for a in plan(world(wanted=4, offers=(THERE, other))).actions if isinstance(a, Create)]
    assert sorted(places) == ["host", "host", "other", "other"]


def test_the_cheapest_place_wins_unless_an_order_is_given() -> None:
    """`any_of` goes by price, `ordered` by the user's order."""
    dear = replace(HERE, hourly_usd=3.0, request=replace(HERE.request, infra="local"))
    cheap = replace(THERE, hourly_usd=1.0, request=replace(HERE.request, infra="ssh/pool"))
    by_price = plan(world(wanted=1, offers=(dear, cheap)))
    by_order = plan(
        world(wanted=1, offers=(dear, cheap), target={"ordered": True, "requests": (dear.request, cheap.request)})
    )
    assert brief(by_price) == [("create", "ssh/pool (host)")]
    assert brief(by_order) == [("create", "local (localhost)")]


def test_a_dark_machine_whose_replica_fails_is_given_up() -> None:
    """Unreachable and failing for long enough: lost; it is terminated when it answers again, never routed to."""
    dark = with_one(Phase.READY, instance=None, unreachable_since=NOW - 11, probe=ProbeTally(failures=1))
    made = plan(replace(dark, unreachable=frozenset({HERE.place}), offers=(HERE, THERE)))
    assert brief(made)[:2] == [(1, Cause.MACHINE_LOST), ("create", "ssh/pool (host)")]
    assert made.routes.backends == ()


def test_failures_back_off_and_then_stop() -> None:
    """The first round is replaced at once, the next ones wait twice as long each, then launching stops and says why."""

    def after(streak: int, ago: float, **service: Any) -> Plan:
        failed = replica(9, Phase.GONE, ended_by=Cause.RUN_FAILED, detail="`run` exited with code 3")
        facts = {"failure_streak": streak, "last_failure_at": NOW - ago, **service}
        return plan(world(failed, wanted=1, service=facts))

    assert [type(a) for a in after(1, 0).actions] == [Create]
    assert (after(2, 1).actions, after(2, 1).wake_at) == ((), NOW + 1)
    assert [type(a) for a in after(2, 2).actions] == [Create]
    assert after(3, 3.9).wake_at == pytest.approx(NOW + 0.1)
    (halt,) = after(4, 100).actions
    assert isinstance(halt, Amend)
    assert halt.service.stopped_reason == (
        "launching stopped: 4 replicas failed in a row; the last: `run` exited with code 3"
    )
    assert after(4, 100, stopped_reason="stopped").actions == ()


def test_a_replica_that_does_well_forgives() -> None:
    """A replica that stays ready for a minute clears the count, and launching goes on."""
    snapshot = world(
        replica(1, Phase.READY, age=61),
        service={"failure_streak": 4, "stopped_reason": "stopped", "first_ready_at": NOW},
    )
    first, second = plan(snapshot).actions
    assert isinstance(first, Amend)
    assert (first.service.failure_streak, first.service.stopped_reason) == (0, "")
    assert isinstance(second, Create)


def test_launch_gives_up_after_three_uncertain_tries() -> None:
    """Three launches of which nobody knows what became end the replica, which is then searched for and terminated. Its
    place has failed, not the user's task: no failure is counted."""
    snapshot = with_one(Phase.PROVISIONING, row={"attempts": 2}, instance=None, setback=Setback(None, "timeout"))
    assert brief(plan(snapshot))[0] == (1, Cause.PLACE_FAILED)
    assert not any(isinstance(action, Amend) for action in plan(snapshot).actions)


def test_rise_and_fall_are_the_users() -> None:
    """The thresholds of the YAML decide."""
    picky = {"probe": ProbeSettings(rise=3, fall=5)}
    starting = world(replica(1, Phase.STARTING), wanted=1, target=picky, observations={1: seen(1, probe=PASSING)})
    not_yet = world(
        replica(1, Phase.STARTING), wanted=1, target=picky, observations={1: seen(1, probe=ProbeTally(passes=2))}
    )
    steady = world(
        replica(1, Phase.READY),
        wanted=1,
        target=picky,
        service={"first_ready_at": NOW},
        observations={1: seen(1, probe=ProbeTally(failures=4), backend=ACCEPTED)},
    )
    assert (1, Cause.PROBE_PASSED) in brief(plan(starting))
    assert brief(plan(not_yet)) == []
    assert brief(plan(steady)) == []
