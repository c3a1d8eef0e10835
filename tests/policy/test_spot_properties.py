"""What must hold of every plan for a service on spot machines, in worlds that nobody thought of."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from skyserve.model.instance import InstanceState
from skyserve.model.placement import Memory, PlaceMemory, Placement, SpotPlacer
from skyserve.model.plan import Amend, Create, Move, Note, Plan, Remember
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.snapshot import Observation, Setback, Snapshot
from skyserve.policy.lifecycle import LOSSES, MAY_HOLD_MACHINE, REFUSALS, TAKEN
from skyserve.policy.planner import plan
from skyserve.policy.view import service_view
from tests.policy.spot_worlds import ON_DEMANDS, SPOTS, doomed, market, on
from tests.policy.worlds import ACCEPTED, NOW, PASSING, RUNNING, instance

LIVING = (Phase.PENDING, Phase.PROVISIONING, Phase.STARTING, Phase.READY, Phase.NOT_READY)
knobs = st.builds(Placement, st.sampled_from(SpotPlacer), st.integers(0, 2), st.integers(0, 3), st.booleans())
known = st.builds(
    PlaceMemory,
    preempting=st.booleans(),
    setbacks=st.integers(0, 5),
    rests_until=st.sampled_from([0.0, NOW - 1, NOW + 30, NOW + 500]),
    losses=st.floats(0, 9),
    hours=st.floats(0, 99),
    at=st.sampled_from([0.0, NOW - 100]),
)
ids = st.frozensets(st.integers(1, 9))
memories = st.builds(
    Memory,
    places=st.dictionaries(st.sampled_from([o.place.key for o in SPOTS]), known),
    counted=ids,
    arrived=ids,
    doomed=ids,
    turn=st.integers(0, 9),
    at=st.sampled_from([None, NOW - 1, NOW - 1000]),
)


@st.composite
def rows(draw: st.DrawFn, replica_id: int) -> Replica:
    """A replica on any machine, in any phase, perhaps with a notice."""
    phase = draw(st.sampled_from(Phase))
    ended = sorted(TAKEN | REFUSALS | {Cause.SCALED_DOWN, Cause.RUN_FAILED})
    cause = None if phase in LIVING else draw(st.sampled_from(ended))
    offer = draw(st.sampled_from(SPOTS + ON_DEMANDS))
    row = on(offer, replica_id, phase, ended_by=cause, age=draw(st.sampled_from([0.0, 5.0, 300.0])))
    if row.instance is not None and draw(st.integers(0, 3)) == 0:
        return doomed(row, NOW, draw(st.sampled_from([1.0, 30.0, 120.0])), draw(st.sampled_from([0.0, 30.0])))
    return row


@st.composite
def observed(draw: st.DrawFn, row: Replica) -> Observation:
    """What the world may show of it."""
    machine = row.instance or instance(row.id)
    machine = replace(machine, state=draw(st.sampled_from([InstanceState.RUNNING] * 4 + [InstanceState.STOPPED])))
    if draw(st.integers(0, 4)) == 0:
        machine = replace(machine, doomed_at=draw(st.sampled_from([None, NOW - 5, NOW + 90])))
    absent = draw(st.integers(0, 5)) == 0
    refused = [Setback(cause, "no") for cause in sorted(REFUSALS)]
    return Observation(
        instance=None if absent else machine,
        absent=absent,
        task=RUNNING,
        probe=PASSING,
        backend=draw(st.sampled_from([None, ACCEPTED])),
        setback=draw(st.sampled_from([None, None, *refused])),
        busy=draw(st.booleans()),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Any service on spot machines."""
    replicas = [draw(rows(n)) for n in range(1, draw(st.integers(0, 9)) + 1)]
    return market(
        *replicas,
        placement=draw(knobs),
        wanted=draw(st.integers(0, 4)),
        observations={r.id: draw(observed(r)) for r in replicas if r.phase is not Phase.GONE},
        offers=draw(st.sampled_from([(), SPOTS, ON_DEMANDS, SPOTS[:1] + ON_DEMANDS, SPOTS + ON_DEMANDS])),
        service={"placement": draw(st.none() | memories)},
    )


def living_after(snapshot: Snapshot, made: Plan) -> list[Replica]:
    """The replicas that live and are not about to be taken, as the plan leaves them, without those it creates."""
    left = {r.id: r for r in snapshot.replicas}
    left |= {a.replica.id: a.replica for a in made.actions if isinstance(a, Move | Note)}
    return [r for r in left.values() if r.alive and not r.doomed]


@settings(deadline=None)
@given(snapshots())
def test_no_more_than_the_stated_cap(snapshot: Snapshot) -> None:
    """Nothing is launched that would make more on spot machines than wanted and the extra, or more on demand than are
    wanted (and the extra, where price alone decides); where nothing may stand in, nothing but the base is."""
    made = plan(snapshot)
    target = snapshot.version.target
    placement = target.placement or Placement()
    count = target.replicas
    base = min(count, placement.base_on_demand)
    living, created = living_after(snapshot, made), [a.offer for a in made.actions if isinstance(a, Create)]
    spots = sum(r.offer.spot for r in living)
    others = len(living) - spots
    new_spots = sum(offer.spot for offer in created)
    new_others = len(created) - new_spots
    most = count + (placement.extra if placement.placer is SpotPlacer.CHEAPEST else 0)
    assert spots + new_spots <= count - base + placement.extra or not new_spots
    assert others + new_others <= most or not new_others
    if not placement.stand_in:
        assert new_others <= base
    if sum(r.phase is Phase.READY for r in living) >= count:
        assert spots <= max(count, count - base + placement.extra)


@settings(deadline=None)
@given(snapshots())
def test_each_replica_is_decided_about_once(snapshot: Snapshot) -> None:
    """No replica is ended twice, nor ended by the placement when it has ended already."""
    made = plan(snapshot)
    ends = Counter(a.replica.id for a in made.actions if isinstance(a, Move) and a.cause is Cause.SCALED_DOWN)
    assert all(count == 1 for count in ends.values())
    assert all(a.reason for a in made.actions)
    assert plan(snapshot) == made


@settings(deadline=None)
@given(snapshots())
def test_losses_and_refusals_cost_no_budget(snapshot: Snapshot) -> None:
    """Whatever places take or refuse, nothing counts as failed that did not fail by itself."""
    made = plan(snapshot)
    recorded = [a.service.failure_streak for a in made.actions if isinstance(a, Amend | Remember)]
    moved = {a.cause for a in made.actions if isinstance(a, Move)}
    assert moved <= LOSSES | REFUSALS | {
        Cause.LAUNCH,
        Cause.MACHINE_UP,
        Cause.PROBE_PASSED,
        Cause.PREEMPTION_NOTICE,
        Cause.SCALED_DOWN,
        Cause.DRAINED,
        Cause.MACHINE_ABSENT,
    }
    assert set(recorded) <= {0}


@settings(deadline=None)
@given(snapshots())
def test_the_last_that_serves_is_not_ended_for_its_price(snapshot: Snapshot) -> None:
    """While fewer are ready than wanted, placement ends none that is."""
    made = plan(snapshot)
    ready = {r.id for r in snapshot.replicas if r.phase is Phase.READY}
    ended = {a.replica.id for a in made.actions if isinstance(a, Move) and a.cause is Cause.SCALED_DOWN}
    left = [r for r in living_after(snapshot, made) if r.phase is Phase.READY]
    if ready & ended:
        assert len(left) >= snapshot.version.target.replicas


@settings(deadline=None)
@given(snapshots())
def test_what_is_remembered_settles(snapshot: Snapshot) -> None:
    """What happened is learned once: a second look at the same world writes nothing more."""
    made = plan(snapshot)
    kept = [a.service for a in made.actions if isinstance(a, Remember)]
    if kept and not any(isinstance(a, Move | Note | Create) for a in made.actions):
        again = plan(replace(snapshot, service=kept[-1]))
        assert not [a for a in again.actions if isinstance(a, Remember)]


@settings(deadline=None)
@given(snapshots())
def test_every_world_can_be_shown(snapshot: Snapshot) -> None:
    """Status has words for everything; no row is shown of which nothing is left but that it was taken."""
    view = service_view(snapshot, policy="", requested_resources="", host="127.0.0.1")
    hidden = [
        r.id
        for r in snapshot.replicas
        if r.phase is Phase.GONE
        and (r.ended_by in TAKEN | {Cause.SCALED_DOWN} or (r.ended_by in REFUSALS and r.offer.spot))
    ]
    assert not {r.replica_id for r in view.replicas} & set(hidden)
    assert len([r for r in snapshot.replicas if r.phase in MAY_HOLD_MACHINE]) <= len(view.replicas)
