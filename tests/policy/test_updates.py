"""How versions take over from each other, whatever happens meanwhile: properties of every mode, and single stories."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyserve.model.autoscaling import Autoscaling, ScalingPolicy
from skyserve.model.plan import Create, Move
from skyserve.model.replica import Cause, Phase
from skyserve.model.rollout import CanaryStep, Part, Rollout, UpdateMode, UpdateSettings
from skyserve.policy.draft import Draft
from skyserve.policy.planner import plan
from skyserve.policy.rollout.extent import surge, unavailable
from skyserve.policy.rollout.standing import standing_of
from tests.policy.updates import Town, settled
from tests.policy.worlds import HERE, NOW, replica, seen, world

parts = st.builds(Part, st.integers(0, 3)) | st.builds(Part, st.integers(0, 100), percent=st.just(True))
modes = st.sampled_from(UpdateMode)
STEPS = (CanaryStep(10, 5), CanaryStep(50, 5))
updates = st.builds(
    UpdateSettings,
    max_surge=parts,
    max_unavailable=parts,
    canary_steps=st.just(STEPS),
    min_ready_seconds=st.sampled_from([0.0, 7.0]),
    progress_deadline=st.just(300.0),
    automatic_rollback=st.booleans(),
)
gentle = st.builds(
    UpdateSettings,
    max_surge=parts,
    canary_steps=st.just(STEPS),
    min_ready_seconds=st.sampled_from([0.0, 7.0]),
    progress_deadline=st.just(300.0),
)
"""Those that allow no replica to be missing."""


def _lose(town: Town, number: int) -> None:
    rows = [r for r in town.alive() if r.instance is not None]  # a launch that is lost is made again
    if rows:
        town.lost.add(rows[number % len(rows)].id)


def _ail(town: Town, number: int) -> None:
    rows = town.ready()
    if rows:
        town.ill.add(rows[number % len(rows)].id)


EVENTS: dict[str, Callable[[Town, int], None]] = {
    "wait": lambda town, number: None,
    "lose": _lose,
    "ail": _ail,
    "heal": lambda town, number: town.ill.clear(),
    "pause": lambda town, number: town.pause(),
    "resume": lambda town, number: town.resume(),
}
events = st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.integers(0, 5)), max_size=25)


def available(town: Town) -> int:
    """Replicas that are ready: new ones for as long as it takes."""
    standing = standing_of(Draft(town.snapshot()))
    old = [r for r in standing.old if r.phase is Phase.READY]
    return standing.available + len(old)


def most(town: Town) -> int:
    """Replicas that there may be at a time."""
    standing = standing_of(Draft(town.snapshot()))
    if standing.mode is not UpdateMode.ROLLING:
        return 2 * town.wanted
    return town.wanted + surge(standing.settings, standing.mode, standing.wanted)


def fewest(town: Town) -> int:
    """Replicas that are to be left, whatever is ended for the update's sake."""
    standing = standing_of(Draft(town.snapshot()))
    return town.wanted - unavailable(standing.settings, standing.mode, standing.wanted)


def step(town: Town) -> None:
    """One step, in which what must always hold does."""
    before, floor, roof = available(town), fewest(town), most(town)
    made = town.step()
    if any(isinstance(a, Move) and a.cause in (Cause.OUTDATED, Cause.SCALED_DOWN) for a in made.actions):
        assert available(town) >= min(before, floor), made.actions
    assert len(town.alive()) <= max(roof, most(town)), made.actions


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), modes, updates, events, st.booleans())
def test_an_update_keeps_its_bounds_and_ends(
    wanted: int, mode: UpdateMode, how: UpdateSettings, happening: list[tuple[str, int]], same_machine: bool
) -> None:
    """Whatever is lost, falls ill, or is held: never more replicas than the mode allows, none ended that is still
    needed, and in the end all are of one version and ready."""
    town = settled(wanted)
    town.update("t2", mode, how, machine="m" if same_machine else "n")
    for what, number in happening:
        EVENTS[what](town, number)
        for _ in range(number + 1):
            step(town)
    town.ill.clear()
    town.resume()
    assert town.until_quiet(), town.service
    assert len({r.version for r in town.ready()}) == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), modes, gentle, events)
def test_a_broken_version_never_costs_a_good_replica(
    wanted: int, mode: UpdateMode, how: UpdateSettings, happening: list[tuple[str, int]]
) -> None:
    """While a version comes of which no replica ever runs, no replica of the good one is ended; in the end the good one
    is the one wanted again."""
    town = settled(wanted)
    town.broken.add("t2")
    town.update("t2", mode, how)
    for what, number in happening:
        if what in ("ail", "lose"):
            continue
        EVENTS[what](town, number)
        for _ in range(number + 1):
            step(town)
            assert len(town.ready()) == wanted
    town.resume()
    assert town.until_quiet(), town.service
    assert (town.versions[-1].task_key, len(town.ready())) == ("t1", wanted)
    assert town.versions[1].outcome.startswith("failed: ")


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.lists(st.tuples(modes, st.integers(0, 40)), min_size=2, max_size=4), gentle)
def test_updates_overtake_each_other(wanted: int, asked: list[tuple[UpdateMode, int]], how: UpdateSettings) -> None:
    """However soon one follows the other, as many replicas as are wanted are ready at every moment, and in the end all
    are of the last version."""
    town = settled(wanted)
    for number, (mode, seconds) in enumerate(asked, 2):
        town.update(f"t{number}", mode, how)
        for _ in range(seconds):
            step(town)
            assert len(town.ready()) >= wanted
    while town.service.rollout is not None:
        step(town)
        assert len(town.ready()) >= wanted
    assert town.until_quiet()
    assert {r.version for r in town.ready()} == {town.versions[-1].number}


def path(town: Town, look: Callable[[Town], Any], most: int = 1000) -> list[Any]:
    """What is seen until the update is over, each thing once in a row."""
    seen: list[Any] = []
    for _ in range(most):
        town.step()
        now = look(town)
        if not seen or seen[-1] != now:
            seen.append(now)
        if town.service.rollout is None and not any(r.phase is Phase.DRAINING for r in town.rows.values()):
            return seen
    raise AssertionError(f"not over: {town.service.rollout}")


def counts(town: Town) -> tuple[int, int]:
    """(ready replicas of the first version, of the second)."""
    return len(town.ready(1)), len(town.ready(2))


def test_rolling_one_by_one() -> None:
    """With one to spare: a new one becomes ready, then an old one goes; the machines of the old ones are used again."""
    town = settled(3)
    town.update("t2", UpdateMode.ROLLING, UpdateSettings())
    assert path(town, counts) == [(3, 0), (2, 1), (1, 2), (0, 3)]
    assert sorted(r.id for r in town.ready()) == [1, 2, 4] or len({r.id for r in town.ready()}) == 3
    assert max(town.rows) == 4


def test_rolling_without_one_to_spare() -> None:
    """Where one may be missing, an old one goes first, and its machine is used again: no machine is added."""
    town = settled(3)
    town.update("t2", UpdateMode.ROLLING, UpdateSettings(max_surge=Part(0), max_unavailable=Part(1)))
    assert path(town, counts) == [(2, 0), (1, 1), (0, 2), (0, 3)]
    assert max(town.rows) == 3


def test_percentages_that_come_to_nothing_move_one_at_a_time() -> None:
    """Rounding is no wish to stand still."""
    town = settled(2)
    none = Part(0, percent=True)
    town.update("t2", UpdateMode.ROLLING, UpdateSettings(max_surge=none, max_unavailable=Part(10, percent=True)))
    assert path(town, counts)[-1] == (0, 2)


def test_blue_green_moves_all_requests_at_once() -> None:
    """None until all new ones are ready, then all; the old ones stay for a while, then all go."""
    town = settled(2)
    town.update("t2", UpdateMode.BLUE_GREEN, UpdateSettings())
    seen = path(town, lambda town: (town.last_plan.routes.canary_percent, *counts(town)))
    assert seen == [(0, 2, 0), (100, 2, 2), (100, 0, 2), (None, 0, 2)] or seen == [(0, 2, 0), (100, 2, 2), (None, 0, 2)]


@pytest.mark.parametrize("mode", UpdateMode)
def test_a_version_that_failed_while_it_was_held_is_left(mode: UpdateMode) -> None:
    """Launching stopped for its failures during the hold; once users let the update go on, the good version is back."""
    town = settled(1)
    town.broken.add("t2")
    town.update("t2", mode, UpdateSettings())
    for _ in range(10):
        town.step()
    town.pause()
    while not town.service.stopped_reason:
        town.step()
    town.resume()
    assert town.until_quiet()
    assert (town.versions[-1].task_key, len(town.ready())) == ("t1", 1)
    assert not town.service.stopped_reason


@pytest.mark.parametrize("mode", UpdateMode)
def test_what_runs_on_needs_no_other_beside_it(mode: UpdateMode) -> None:
    """An update of the service section alone adds nothing beside the replicas that are of the new version at once, in
    whatever mode; one that is lost meanwhile is replaced, once."""
    town = settled(3)
    town.lost.add(1)
    town.update("t1", mode, UpdateSettings())
    assert town.until_quiet()
    assert counts(town) == (0, 3)
    assert max(town.rows) == 4


def test_old_ones_stay_while_a_new_one_is_ill() -> None:
    """All requests have moved, but not all new replicas are well: none of the old ones goes until they are."""
    town = settled(2)
    town.update("t2", UpdateMode.BLUE_GREEN, UpdateSettings())
    while town.last_plan.routes.canary_percent != 100:
        town.step()
    town.ill.add(max(r.id for r in town.ready(2)))
    for _ in range(90):
        step(town)
    assert counts(town) == (2, 1)
    town.ill.clear()
    assert town.until_quiet()
    assert counts(town) == (0, 2)


@pytest.mark.parametrize("mode", [UpdateMode.BLUE_GREEN, UpdateMode.CANARY])
def test_an_update_to_a_larger_number_adds_no_old_replica(mode: UpdateMode) -> None:
    """What is to be more is to be of the new version; held or not, the old one stays as many as it asked for."""
    town = settled(2)
    town.wanted = 5
    town.update("t2", mode, UpdateSettings())
    old = {town.step() and sum(r.version == 1 for r in town.alive()) for _ in range(10)}
    town.pause()
    old |= {town.step() and sum(r.version == 1 for r in town.alive()) for _ in range(10)}
    assert old == {2}
    town.resume()
    assert town.until_quiet()
    assert counts(town) == (0, 5)


def test_what_an_overtaken_update_brought_serves_on() -> None:
    """Three are wanted, and with the canary's replica three are ready: it stays until the newest version is there."""
    town = settled(2)
    town.update("t2", UpdateMode.CANARY, UpdateSettings(canary_steps=(CanaryStep(50, 600),)))
    while not town.ready(2):
        town.step()
    town.wanted = 3
    town.update("t3", UpdateMode.CANARY, UpdateSettings(canary_steps=STEPS))
    while len(town.ready(3)) < 3:
        town.step()
        assert len(town.ready(1)) == 2
        assert len(town.ready(2)) == 1 or len(town.ready(3)) == 3
    assert town.until_quiet()


@pytest.mark.parametrize(
    ("mode", "failures"), [(UpdateMode.ROLLING, 4), (UpdateMode.CANARY, 4), (UpdateMode.BLUE_GREEN, 16)]
)
def test_a_version_is_given_up_after_as_many_rounds_as_it_is_tried_in(mode: UpdateMode, failures: int) -> None:
    """A version that takes over from one that is no good either has three rounds after the first: where one replica is
    tried after the other a round is one, where four are tried beside each other it is four."""
    town = Town(4)
    assert town.until_quiet()
    town.versions[0] = replace(town.versions[0], outcome="its answers were errors")
    town.broken.add("t2")
    town.update("t2", mode, UpdateSettings(canary_steps=STEPS))
    while not town.service.stopped_reason:
        town.step()
        assert town.service.failure_streak <= failures
    assert town.service.failure_streak == failures
    assert len(town.ready(1)) == 4


def test_old_ones_that_never_served_go_at_once() -> None:
    """There is nothing to lose with a replica that was never ready."""
    town = Town(2, start_seconds=1000)
    for _ in range(5):
        town.step()
    assert {r.phase for r in town.rows.values()} == {Phase.STARTING}
    town.start_seconds = 5
    town.update("t2", UpdateMode.CANARY, UpdateSettings(), machine="n")
    town.step()
    assert {r.phase for r in town.rows.values() if r.version == 1} <= {Phase.TERMINATING, Phase.GONE}
    assert town.until_quiet()


def test_versions_beside_each_other_share_the_room_that_is_left() -> None:
    """What one version takes of the room below max_replicas and what an update may add is not the other's too."""
    knobs = Autoscaling(ScalingPolicy.CONCURRENCY, 1.0, low=2, high=2)
    ending = [replica(number, Phase.TERMINATING, ended_by=Cause.RUN_FAILED, age=600) for number in (1, 2)]
    snapshot = world(
        *ending,
        replica(3, Phase.READY),
        observations={number: seen(number, settled_at=NOW) for number in (1, 2)},
        target={"autoscaling": knobs},
        offers_before=(HERE,),
    )
    before = replace(snapshot.version, ever_ready=True)
    rollout = Rollout(2, 1, UpdateMode.BLUE_GREEN, NOW - 1, NOW - 1)
    coming = replace(before, number=2, ever_ready=False, machine_key="n", task_key="t2")
    service = replace(snapshot.service, rollout=rollout)
    made = plan(replace(snapshot, service=service, versions=(before, coming)))
    created = [action.version for action in made.actions if isinstance(action, Create)]
    assert created == [2]  # the cap is 2 and 2 for the update; 3 are held


def test_what_is_soaking_does_not_count() -> None:
    """A new replica counts once it has been ready for min_ready_seconds."""
    town = settled(1)
    town.update("t2", UpdateMode.ROLLING, UpdateSettings(min_ready_seconds=60))
    both = [town.now for _ in range(200) if town.step() and counts(town) == (1, 1)]
    assert 58 <= both[-1] - both[0] <= 61
    assert counts(town) == (0, 1)


@pytest.mark.parametrize(("service_only", "renewed"), [(True, 0), (False, 2)])
def test_renewing_keeps_rows_and_tells_runs_apart(service_only: bool, renewed: int) -> None:
    """A replica that is renewed keeps its id and begins a new life; one that is adopted keeps that too."""
    town = settled(2)
    since = {r.id: r.first_ready_at for r in town.ready()}
    how = UpdateSettings(max_surge=Part(0), max_unavailable=Part(1))
    town.update("t1" if service_only else "t2", UpdateMode.ROLLING, how)
    assert town.until_quiet()
    assert [r.id for r in town.ready()] == [1, 2]
    assert sum(r.renewals for r in town.ready()) == renewed
    assert all((r.first_ready_at == since[r.id]) == service_only for r in town.ready())


def test_errors_convict_the_new_version_alone() -> None:
    """Requests that failed before the update began do not count, for either version."""
    town = settled(2)
    town.outcomes = {1: (100, 90), 2: (100, 90)}
    town.update("t2", UpdateMode.CANARY, UpdateSettings())
    while not (town.service.rollout and town.service.rollout.step_since):
        town.step()
    town.outcomes = {1: (400, 90), 2: (400, 90), 3: (50, 0)}
    town.step()
    assert town.versions[-1].number == 2
    town.outcomes[3] = (60, 10)
    town.step()
    assert town.versions[1].outcome == "failed: 10 of 60 requests failed, before: 0 of 600"
    assert town.versions[-1].number == 3
    town.step()
    assert {r.id for r in town.alive()} == {1, 2}
