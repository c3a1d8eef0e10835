"""What must hold of every plan, in worlds that nobody thought of."""

from hypothesis import given
from hypothesis import strategies as st

from skyserve.model.autoscaling import Autoscaling, ScalingMemory, ScalingPolicy
from skyserve.model.instance import InstanceState
from skyserve.model.load import Load
from skyserve.model.plan import Amend, Create, Finish, Forget, Launch, Move, Reclaim, Remember, Start, Terminate
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.route import BackendStatus
from skyserve.model.service import Goal, Service
from skyserve.model.snapshot import Observation, ProbeTally, Setback, Snapshot, Stage, TaskStatus
from skyserve.policy.lifecycle import FAILURES, LOSSES, MAY_HOLD_MACHINE, REFUSALS
from skyserve.policy.planner import plan
from skyserve.policy.view import plan_view, service_view
from skyserve.policy.wanted import wanted_replicas
from tests.policy.worlds import HERE, NOW, THERE, instance, replica, world

ages = st.sampled_from([0.0, 1.0, 3.0, 30.0, 200.0, 2000.0])
tallies = st.sampled_from([ProbeTally(), ProbeTally(passes=1), ProbeTally(failures=1), ProbeTally(failures=5)])
backends = st.sampled_from([None, BackendStatus(False), BackendStatus(True), BackendStatus(True, in_flight=3)])
tasks = st.sampled_from([None, TaskStatus(Stage.SETUP), TaskStatus(Stage.RUN), TaskStatus(Stage.RUN, 0)])
failed_tasks = st.sampled_from([TaskStatus(Stage.FILES, 1), TaskStatus(Stage.SETUP, 2), TaskStatus(Stage.RUN, 137)])
setbacks = st.sampled_from([None, None, Setback(None, "timeout"), *(Setback(c, "no") for c in sorted(REFUSALS))])


@st.composite
def replicas(draw: st.DrawFn, replica_id: int) -> Replica:
    """A replica in any phase, as rows may stand after a crash."""
    phase = draw(st.sampled_from(Phase))
    held = phase in MAY_HOLD_MACHINE and (phase is not Phase.PROVISIONING or draw(st.booleans()))
    ended = phase in (Phase.DRAINING, Phase.TERMINATING, Phase.GONE)
    return replica(
        replica_id,
        phase,
        age=draw(ages),
        instance=instance(replica_id) if held and draw(st.booleans()) else None,
        offer=draw(st.sampled_from([HERE, THERE])),
        ended_by=draw(st.sampled_from(sorted(LOSSES | REFUSALS | {Cause.RUN_FAILED, Cause.SCALED_DOWN})))
        if ended
        else None,
        attempts=draw(st.integers(0, 4)),
    )


@st.composite
def observations(draw: st.DrawFn, replica_id: int) -> Observation:
    """Anything that the world may show of a replica."""
    absent = draw(st.booleans())
    state = draw(st.sampled_from(InstanceState))
    return Observation(
        instance=None if absent else draw(st.sampled_from([None, instance(replica_id, state)])),
        absent=absent,
        unreachable_since=None if absent else draw(st.sampled_from([None, NOW - 1, NOW - 100])),
        task=draw(st.one_of(tasks, failed_tasks)),
        probe=draw(tallies),
        backend=draw(backends),
        launched=instance(replica_id) if draw(st.integers(0, 5)) == 0 else None,
        setback=draw(setbacks),
        busy=draw(st.booleans()),
        settled_at=draw(st.sampled_from([0.0, NOW - 1, NOW - 50])),
    )


@st.composite
def scaled(draw: st.DrawFn) -> Autoscaling:
    """A number that follows the load."""
    low = draw(st.integers(0, 3))
    policy = draw(st.sampled_from(ScalingPolicy))
    delays = draw(ages), draw(ages)
    return Autoscaling(policy, 1, low, low + draw(st.integers(1, 4)), *delays, overprovision=draw(st.integers(0, 2)))


memories = st.builds(ScalingMemory, wanted=st.integers(0, 9), read_at=ages.map(lambda age: NOW - age))
loads = st.builds(Load, *(st.integers(0, 900) for _ in range(4)))


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Any service."""
    count = draw(st.integers(0, 6))
    rows = [draw(replicas(n)) for n in range(1, count + 1)]
    streak = draw(st.integers(0, 80))
    return world(
        *rows,
        wanted=draw(st.integers(0, 5)),
        goal=draw(st.sampled_from(Goal)),
        observations={r.id: draw(observations(r.id)) for r in rows if r.phase is not Phase.GONE},
        service={
            "failure_streak": streak,
            "last_failure_at": NOW - draw(ages),
            "scaling": draw(st.one_of(st.none(), memories)),
        },
        target={"autoscaling": draw(st.one_of(st.none(), scaled()))},
        load=draw(st.one_of(st.none(), loads)),
        offers=draw(st.sampled_from([(), (HERE,), (HERE, THERE)])),
        leaks=tuple([instance(99)] if draw(st.booleans()) else []),
    )


def rows_after(snapshot: Snapshot) -> dict[int, Replica]:
    """The replicas as the plan leaves them."""
    rows = {r.id: r for r in snapshot.replicas}
    for action in plan(snapshot).actions:
        if isinstance(action, Move):
            rows[action.replica.id] = action.replica
    return rows


def service_after(snapshot: Snapshot) -> Service:
    """The service as the plan leaves it."""
    recorded = [a.service for a in plan(snapshot).actions if isinstance(a, Amend | Remember)]
    return recorded[-1] if recorded else snapshot.service


@given(snapshots())
def test_the_same_snapshot_gives_the_same_plan(snapshot: Snapshot) -> None:
    """Planning has no memory and no chance."""
    assert plan(snapshot) == plan(snapshot)


@given(snapshots())
def test_never_more_replicas_than_wanted(snapshot: Snapshot) -> None:
    """What lives and what is created never exceeds the number wanted, which is within the user's bounds."""
    created = sum(isinstance(a, Create) for a in plan(snapshot).actions)
    alive = sum(r.alive for r in rows_after(snapshot).values())
    target = snapshot.version.target
    wanted = wanted_replicas(service_after(snapshot), target) if snapshot.service.goal is Goal.RUN else 0
    if target.autoscaling is not None:
        assert wanted <= target.autoscaling.high + target.autoscaling.overprovision
    assert alive + created <= wanted or created == 0
    assert alive <= wanted


@given(snapshots())
def test_a_machine_is_never_forgotten(snapshot: Snapshot) -> None:
    """No row goes, and no service is finished, while a machine may exist; leaks are always reclaimed."""
    rows = rows_after(snapshot)
    made = plan(snapshot)
    for action in made.actions:
        if isinstance(action, Forget):
            assert rows[action.replica_id].phase is Phase.GONE
        if isinstance(action, Finish):
            assert all(r.phase is Phase.GONE for r in rows.values())
    assert [a.instance for a in made.actions if isinstance(a, Reclaim)] == list(snapshot.leaks)


@given(snapshots())
def test_gone_means_proven(snapshot: Snapshot) -> None:
    """A replica that may have held a machine is gone only by proof of absence, or by the user's purge."""
    before = {r.id: r for r in snapshot.replicas}
    for action in plan(snapshot).actions:
        if isinstance(action, Move) and action.replica.phase is Phase.GONE:
            if before[action.replica.id].phase is Phase.PENDING:
                continue
            seen = snapshot.observations[action.replica.id]
            assert (seen.absent and not seen.busy) or snapshot.service.goal is Goal.PURGE


@given(snapshots())
def test_one_action_a_replica_at_a_time(snapshot: Snapshot) -> None:
    """Nothing begins on a replica that is busy, and at most one machine action is begun on any."""
    acted = [a.replica_id for a in plan(snapshot).actions if isinstance(a, Launch | Terminate)]
    assert len(acted) == len(set(acted))
    assert not any(snapshot.observations[replica_id].busy for replica_id in acted)


@given(snapshots())
def test_traffic_goes_only_where_it_is_answered(snapshot: Snapshot) -> None:
    """A backend is ready, or passes its probe, or drains and is marked so; none is on its way out."""
    rows = rows_after(snapshot)
    for backend in plan(snapshot).routes.backends:
        row = rows[backend.replica_id]
        passes = snapshot.observations[row.id].probe.passes >= 1
        assert row.phase is Phase.READY or backend.draining or (row.phase is not Phase.TERMINATING and passes)
        assert backend.draining == (row.phase is Phase.DRAINING)


@given(snapshots())
def test_a_started_task_is_on_a_machine(snapshot: Snapshot) -> None:
    """Nobody drives a task where no machine is up."""
    rows = rows_after(snapshot)
    started = [rows[a.replica_id].phase for a in plan(snapshot).actions if isinstance(a, Start)]
    assert not {Phase.PENDING, Phase.PROVISIONING, Phase.TERMINATING, Phase.GONE} & set(started)


@given(snapshots())
def test_every_world_can_be_shown(snapshot: Snapshot) -> None:
    """Status and plan have words for everything, and count consistently."""
    view = service_view(snapshot, policy="", requested_resources="", host="127.0.0.1")
    assert view.ready_replicas <= view.total_replicas
    left = [r for r in snapshot.replicas if r.phase is not Phase.GONE or r.ended_by in REFUSALS | FAILURES]
    assert [r.replica_id for r in view.replicas] == [r.id for r in left]
    assert len(plan_view(snapshot, plan(snapshot)).actions) == len(plan(snapshot).actions)
