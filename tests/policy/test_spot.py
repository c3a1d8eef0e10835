"""What the planner does for services on spot machines: worlds of one moment, and what follows."""

from dataclasses import replace

import pytest

from skyserve.model.autoscaling import Autoscaling, ScalingPolicy
from skyserve.model.placement import Memory, PlaceMemory, Placement, SpotPlacer
from skyserve.model.plan import Amend, Create, Forget, Move, Note, Plan, Remember
from skyserve.model.replica import Cause, Phase
from skyserve.model.route import Backend
from skyserve.model.service import Version
from skyserve.model.snapshot import Setback, Stage, TaskStatus
from skyserve.policy.draft import Draft, Share
from skyserve.policy.planner import plan
from skyserve.policy.steps.counting import keep_count
from skyserve.policy.view import service_view
from tests.policy.spot_worlds import ON_DEMANDS, SPOTS, doomed, market, on, on_demand, spot
from tests.policy.worlds import NOW, instance, seen

A, B, C = SPOTS
RESTING = Memory(places={o.place.key: PlaceMemory(setbacks=1, rests_until=NOW + 60) for o in SPOTS}, at=NOW - 1)


def created(made: Plan) -> list[str]:
    """Where replicas are created, in order: `spot a`, or `on demand a`."""
    return [
        f"{'spot' if a.offer.spot else 'on demand'} {a.offer.place.zone}" for a in made.actions if isinstance(a, Create)
    ]


def moved(made: Plan) -> list[tuple[int, Cause]]:
    """Which replicas change their phase, and why."""
    return [(a.replica.id, a.cause) for a in made.actions if isinstance(a, Move)]


def remembered(made: Plan) -> Memory | None:
    """What placement is to remember; None: nothing new."""
    found = [a.service.placement for a in made.actions if isinstance(a, Remember)]
    return found[-1] if found else None


def test_a_new_service_spreads_and_has_stand_ins_meanwhile() -> None:
    """Spot machines first, over the places, then as many on demand, at the cheapest, until they have their machines."""
    assert created(plan(market())) == ["spot a", "spot b", "spot c", *["on demand a"] * 3]


def test_without_fallback_nothing_stands_in() -> None:
    """A user who did not ask for on-demand machines gets none."""
    assert created(plan(market(placement=Placement()))) == ["spot a", "spot b", "spot c"]


def test_some_are_on_demand_at_all_times() -> None:
    """The base comes first and is never more than the replicas wanted; spot machines make up the rest."""
    assert created(plan(market(placement=Placement(base_on_demand=1)))) == ["on demand a", "spot a", "spot b"]
    assert created(plan(market(placement=Placement(base_on_demand=5)))) == ["on demand a"] * 3


def test_the_base_is_no_stand_in() -> None:
    """When all spot machines are ready, on-demand replicas end but those of the base, of which the ready ones are."""
    rows = [
        on(ON_DEMANDS[0], 1, Phase.STARTING),
        on(ON_DEMANDS[0], 2, Phase.READY),
        on(A, 3, Phase.READY),
        on(B, 4, Phase.READY),
    ]
    knobs = Placement(base_on_demand=1, stand_in=True)
    quiet = {1: seen(1, backend=None)}
    made = plan(market(*rows, placement=knobs, observations=quiet))
    assert moved(made)[0] == (1, Cause.SCALED_DOWN)
    assert created(made) == []


def test_stand_ins_end_once_spot_is_ready() -> None:
    """The last to end is the one that answers the most."""
    rows = [on(A, 1, Phase.READY), on(B, 2, Phase.STARTING), on(ON_DEMANDS[0], 3, Phase.READY)]
    rows.append(on(ON_DEMANDS[1], 4, Phase.READY))
    busy = replace(seen(4).backend or pytest.fail(), in_flight=9)
    wait = {2: seen(2, backend=None), 4: seen(4, backend=busy)}
    made = plan(market(*rows, wanted=2, observations=wait))
    assert moved(made) == [(3, Cause.SCALED_DOWN)]


def test_a_loss_is_learned_and_the_place_rests() -> None:
    """The place of a machine that was taken rests; the replacement goes elsewhere, and the memory is kept."""
    rows = [on(A, 1, Phase.READY), on(B, 2, Phase.READY), on(C, 3, Phase.READY)]
    gone = {1: seen(1, instance=None, absent=True)}
    made = plan(market(*rows, observations=gone, placement=Placement()))
    assert moved(made)[0] == (1, Cause.PREEMPTED)
    assert created(made) in (["spot b"], ["spot c"])
    memory = remembered(made)
    assert memory is not None
    assert memory.of(A.place).rests_until == NOW + 60
    assert (memory.notice_seconds, memory.counted) == (0.0, frozenset({1}))


def test_a_refusal_costs_no_budget_and_no_row() -> None:
    """That no spot machine was to be had is learned; it is no failure, and its row goes."""
    refused = on(A, 1, Phase.PROVISIONING)
    said = {1: seen(1, instance=None, setback=Setback(Cause.NO_CAPACITY, "none free"))}
    made = plan(market(refused, wanted=1, observations=said, placement=Placement()))
    memory = remembered(made)
    assert memory is not None
    assert memory.of(A.place).setbacks == 1
    assert [a.service.failure_streak for a in made.actions if isinstance(a, Remember | Amend)] == [0]
    ended = on(A, 1, Phase.GONE, ended_by=Cause.NO_CAPACITY, age=21)
    assert Forget in [type(a) for a in plan(market(ended, wanted=0, placement=Placement())).actions]


def test_when_all_places_rest_the_first_is_waited_for() -> None:
    """Nothing is asked for in vain; the plan says when it looks again, and the status why nothing comes."""
    snapshot = market(placement=Placement(), service={"placement": RESTING})
    made = plan(snapshot)
    assert (created(made), made.wake_at) == ([], NOW + 60)
    view = service_view(snapshot, policy="", requested_resources="", host="127.0.0.1")
    assert view.detail == (
        "no place has room for a spot machine now: 3 rest after they took or refused one, "
        "the first is asked again in 60 s"
    )
    assert created(plan(market(service={"placement": RESTING}))) == ["on demand a"] * 3


def test_mere_time_is_not_written() -> None:
    """Hours that replicas are held go to the database every few minutes, not each pass."""
    rows = [on(A, 1, Phase.READY), on(B, 2, Phase.READY), on(C, 3, Phase.READY)]
    first = remembered(plan(market(*rows)))
    assert first is not None
    assert first.arrived == {1, 2, 3}
    soon = replace(market(*rows, service={"placement": first}), now=NOW + 100)
    late = replace(soon, now=NOW + 400)
    assert remembered(plan(soon)) is None
    after = remembered(plan(late))
    assert after is not None
    assert after.of(A.place).hours > first.of(A.place).hours


def test_times_are_measured() -> None:
    """A cold start is what replicas took, a notice what the last loss had."""
    slow = on(A, 1, Phase.READY, created_at=NOW - 300, first_ready_at=NOW - 100)
    leaving = doomed(on(B, 2, Phase.READY, created_at=NOW - 500, first_ready_at=NOW - 400), NOW, 80, since=10)
    memory = remembered(plan(market(slow, leaving, wanted=2)))
    assert memory is not None
    assert (memory.cold_start_seconds, memory.notice_seconds) == (150, 90)


def test_notice_brings_a_replacement_while_the_doomed_serves() -> None:
    """It gets requests until it is time to drain, and half of the notice at least."""
    rows = [on(A, 1, Phase.READY), on(B, 2, Phase.READY), on(C, 3, Phase.READY)]
    told = instance(1, doomed_at=NOW + 100)
    made = plan(market(*rows, observations={1: seen(1, instance=told)}, placement=Placement()))
    (note,) = [a for a in made.actions if isinstance(a, Note)]
    assert (note.replica.noticed_at, note.replica.doomed_at) == (NOW, NOW + 100)
    assert "takes the machine back in 100 s" in note.replica.detail
    assert moved(made) == []
    assert len(created(made)) == 1
    assert made.wake_at == NOW + 50
    assert [b.replica_id for b in made.routes.backends] == [1, 2, 3]


def test_the_doomed_drains_in_time() -> None:
    """At half of the notice, or when only drain_seconds are left; then it gets nothing new."""
    at_half = market(doomed(on(A, 1, Phase.READY), NOW, 50, since=50), wanted=1)
    in_time = market(doomed(on(A, 1, Phase.READY), NOW, 20, since=500), wanted=1, target={"drain_seconds": 20})
    early = market(doomed(on(A, 1, Phase.READY), NOW, 51, since=49), wanted=1)
    for snapshot in (at_half, in_time):
        made = plan(snapshot)
        assert moved(made)[0] == (1, Cause.PREEMPTION_NOTICE)
        assert made.routes.backends == (Backend(1, instance(1).addresses[8080], draining=True, version=1),)
    assert moved(plan(early)) == []


def test_the_doomed_drains_when_another_is_ready() -> None:
    """Requests move as soon as there is where to."""
    rows = [doomed(on(A, 1, Phase.READY), NOW, 100), on(B, 2, Phase.READY)]
    assert moved(plan(market(*rows, wanted=1)))[0] == (1, Cause.PREEMPTION_NOTICE)


def test_a_notice_to_one_that_does_not_serve_ends_it() -> None:
    """What is not ready would only cost money; what is not ready any more has nothing to finish."""
    starting = doomed(on(A, 1, Phase.STARTING), NOW, 100)
    assert moved(plan(market(starting, wanted=0)))[0] == (1, Cause.PREEMPTED)
    unready = doomed(on(A, 1, Phase.NOT_READY), NOW, 100)
    assert moved(plan(market(unready, wanted=0)))[0] == (1, Cause.PREEMPTION_NOTICE)


def test_a_notice_may_be_taken_back() -> None:
    """Then the replica is like any other."""
    row = doomed(on(A, 1, Phase.READY), NOW, 100)
    made = plan(market(row, wanted=1, observations={1: seen(1)}))
    (note,) = [a for a in made.actions if isinstance(a, Note)]
    assert (note.replica.doomed, note.replica.detail) == (False, "")
    assert created(made) == []


def test_what_fails_while_its_machine_goes_costs_no_budget() -> None:
    """A run that is killed with its machine is a preemption, foretold or not."""
    killed = TaskStatus(Stage.RUN, 137)
    row = doomed(on(A, 1, Phase.READY), NOW, 5, since=1)
    made = plan(market(row, wanted=0, observations={1: seen(1, instance=row.instance, task=killed)}))
    assert moved(made)[0] == (1, Cause.PREEMPTED)
    told_to_end = {1: seen(1, task=TaskStatus(Stage.RUN, 143))}
    assert moved(plan(market(on(A, 1, Phase.READY), wanted=0, observations=told_to_end)))[0] == (1, Cause.PREEMPTED)


def test_the_number_may_go_down() -> None:
    """By any placer what is too much ends, what is least ready first."""
    rows = [on(A, 1, Phase.READY), on(B, 2, Phase.READY), on(C, 3, Phase.STARTING)]
    quiet = {3: seen(3, backend=None)}
    for placer in SpotPlacer:
        made = plan(market(*rows, wanted=1, placement=Placement(placer), observations=quiet))
        assert [replica_id for replica_id, _ in moved(made)][:2] in ([3, 2], [3, 1]), placer


def test_the_order_of_alternatives_is_kept() -> None:
    """`ordered`: the first alternative as long as some place may give it, then the next."""
    first, second = replace(A.request, instance_type="x"), replace(A.request, instance_type="y")
    offers = (replace(A, request=first, hourly_usd=2.0), replace(B, request=second), replace(C, request=second))
    knobs = {"requests": (first, second), "ordered": True}
    assert created(plan(market(offers=offers, target=knobs, wanted=2, placement=Placement()))) == ["spot a"] * 2
    asleep = Memory(places={A.place.key: PlaceMemory(setbacks=1, rests_until=NOW + 60)}, at=NOW - 1)
    awake = market(offers=offers, target=knobs, wanted=1, placement=Placement(), service={"placement": asleep})
    assert created(plan(awake)) == ["spot b"]


def test_a_place_that_does_not_answer_is_passed_over() -> None:
    """Nothing is placed where nothing can be told."""
    dark = market(wanted=1, placement=Placement(), unreachable=frozenset({A.place}))
    assert created(plan(dark)) == ["spot b"]


def test_the_cheaper_of_two_kinds_at_one_place() -> None:
    """Each place is one candidate, with the best that it sells."""
    offers = (spot("a", 2.0), spot("a", 1.0), on_demand("a"))
    made = plan(market(offers=offers, wanted=1, placement=Placement()))
    assert [a.offer.hourly_usd for a in made.actions if isinstance(a, Create)] == [1.0]


def test_terminating_machines_count_against_the_cap() -> None:
    """Where the number follows the load, no more than twice the most and the extra hold a machine, but for those that
    are taken back."""
    knobs = Autoscaling(ScalingPolicy.CONCURRENCY, 1, low=2, high=2)
    ended = [on(A, n, Phase.TERMINATING, ended_by=Cause.SCALED_DOWN) for n in range(1, 5)]
    wait = {n: seen(n, busy=True) for n in range(1, 5)}
    full = market(*ended, wanted=2, target={"autoscaling": knobs}, observations=wait)
    assert created(plan(full)) == []
    one_less = market(*ended[1:], wanted=2, target={"autoscaling": knobs}, observations=wait)
    assert created(plan(one_less)) == ["spot a"]


def test_two_versions_learn_from_one_loss_once() -> None:
    """While an update goes on, what happened to a replica of either version is counted once, and its place rests for
    both."""
    rows = [on(A, 1, Phase.TERMINATING, ended_by=Cause.PREEMPTED), on(B, 2, Phase.READY)]
    snapshot = market(*rows, placement=Placement())
    (old,) = snapshot.versions
    new = Version(2, old.target, NOW - 50)
    snapshot = replace(snapshot, versions=(old, new), offers_before=SPOTS)

    def staffed(memory: Memory | None) -> tuple[list[tuple[int, str]], Memory | None]:
        draft = Draft(replace(snapshot, service=replace(snapshot.service, placement=memory)))
        draft.shares = (Share(old, 2), Share(new, 1))
        keep_count(draft)
        created = [(a.version, a.offer.place.zone) for a in draft.actions if isinstance(a, Create)]
        return created, draft.service.placement

    places, memory = staffed(None)
    assert memory is not None
    assert memory.of(A.place).setbacks == 1
    assert [version for version, _ in places] == [1, 2]
    assert "a" not in [zone for _, zone in places]
    assert staffed(memory)[1] == memory


def test_a_service_without_spot_takes_none() -> None:
    """Offers of spot machines are not for a version that does not ask for them."""
    snapshot = market(wanted=1)
    (version,) = snapshot.versions
    plain = replace(version, target=replace(version.target, placement=None, requests=(ON_DEMANDS[0].request,)))
    assert created(plan(replace(snapshot, versions=(plain,)))) == ["on demand a"]
