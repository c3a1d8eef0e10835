"""Updates of services on spot machines, which are taken away at the worst of moments."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyserve.model.placement import Placement
from skyserve.model.replica import Phase, Replica
from skyserve.model.rollout import CanaryStep, Part, UpdateMode, UpdateSettings
from skyserve.policy.draft import Draft
from skyserve.policy.rollout.extent import surge
from skyserve.policy.rollout.standing import standing_of
from tests.policy.spot_worlds import ON_DEMANDS, SPOTS
from tests.policy.updates import Town

STEPS = (CanaryStep(10, 60), CanaryStep(50, 60))
CANARY = UpdateSettings(canary_steps=STEPS, progress_deadline=300)


def spot_town(wanted: int, placement: Placement | None = None) -> Town:
    """A service whose replicas are all ready, on spot machines."""
    town = Town(wanted, placement=placement or Placement(), offers=SPOTS + ON_DEMANDS)
    assert town.until_quiet()
    return town


def take(town: Town, row: Replica, notice: float = 0.0) -> None:
    """Its place takes the machine back, after so many seconds."""
    town.noticed[row.id] = town.now + notice


def until(town: Town, what: Callable[[], bool]) -> None:
    """Step until it holds."""
    for _ in range(2000):
        if what():
            return
        town.step()
    raise AssertionError(f"never came: {town.service.rollout}, {[(r.id, r.version, r.phase) for r in town.alive()]}")


def percent(town: Town) -> int | None:
    """Of the requests, what goes to the version on trial."""
    return town.last_plan.routes.canary_percent


def test_the_only_replica_on_trial_is_taken() -> None:
    """The old version gets all requests until there is another one, and the step is watched from its beginning: while
    there was nothing to watch, nothing was well."""
    town = spot_town(3)
    town.update("t2", UpdateMode.CANARY, CANARY, machine="n")
    until(town, lambda: percent(town) == 10)
    began = town.now
    until(town, lambda: town.now >= began + 50)
    take(town, town.ready(2)[0])
    until(town, lambda: not town.ready(2))
    assert percent(town) == 0
    assert len(town.ready(1)) == 3
    until(town, lambda: percent(town) == 10)
    again = town.now
    until(town, lambda: percent(town) != 10)
    assert (percent(town), town.now - again >= 60) == (50, True)
    assert town.until_quiet()
    assert (len(town.ready(2)), town.versions[1].outcome) == (3, "")


@pytest.mark.parametrize("mode", UpdateMode)
def test_no_version_is_blamed_for_machines_that_are_taken(mode: UpdateMode) -> None:
    """One new replica after the other is taken before it counts, or as soon as it does, for longer than the progress
    deadline: the version stays, the old one serves in full meanwhile, and the new one comes once its machines do."""
    town = spot_town(2, Placement(stand_in=False))
    town.update(
        "t2",
        mode,
        replace(CANARY, progress_deadline=700, min_ready_seconds=30 * (mode is UpdateMode.ROLLING)),
        machine="n",
    )
    began, number = town.now, 0
    while town.now < began + 2500:
        number += 1
        for row in town.alive():
            if row.version == 2 and (row.phase is Phase.READY or (number % 70 == 0 and row.phase is Phase.STARTING)):
                take(town, row)
        town.step()
        assert len(town.ready(1)) == 2
    assert town.service.rollout is not None
    assert town.until_quiet(8000)
    assert (len(town.versions), town.versions[-1].outcome, len(town.ready(2))) == (2, "", 2)


def test_errors_of_a_machine_that_went_convict_nobody() -> None:
    """Requests that were under way on the trial's machine when it was taken failed for that."""
    town = spot_town(3)
    town.update("t2", UpdateMode.CANARY, CANARY, machine="n")
    until(town, lambda: percent(town) == 10)
    (trial,) = town.ready(2)
    town.outcomes = {1: (900, 0), 2: (900, 0), 3: (900, 0), trial.id: (100, 0)}
    town.step()
    take(town, trial)
    town.outcomes[trial.id] = (100, 40)
    assert town.until_quiet()
    assert (len(town.versions), town.versions[-1].outcome, len(town.ready(2))) == (2, "", 3)


def test_the_last_old_one_is_taken() -> None:
    """Rolling is over the sooner; nothing of the old version is launched for it."""
    town = spot_town(3)
    town.update("t2", UpdateMode.ROLLING, UpdateSettings(), machine="n")
    until(town, lambda: len(town.ready(1)) == 1)
    take(town, town.ready(1)[0])
    assert town.until_quiet()
    assert (len(town.ready(2)), town.versions[1].outcome) == (3, "")
    assert {r.id for r in town.rows.values() if r.version == 1} <= {1, 2, 3}


def test_an_old_one_with_notice_goes_first() -> None:
    """While rolling, the one that will be taken away is the one that a new replica takes over from, and it takes no
    room: none that stays is ended in its place."""
    town = spot_town(3)
    town.update("t2", UpdateMode.ROLLING, UpdateSettings(max_surge=Part(1)), machine="n")
    first = min(town.ready(1), key=lambda r: r.id)
    take(town, first, notice=120)
    town.step()
    town.step()
    assert sum(r.version == 2 for r in town.alive()) == 2
    until(town, lambda: bool(town.ready(2)))
    town.step()
    assert first.id not in {r.id for r in town.ready(1)}
    assert len(town.ready()) >= 3
    assert town.until_quiet()
    assert len(town.ready(2)) == 3


taken = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from([0.0, 0.0, 30.0, 120.0]), st.integers(1, 40)), max_size=15
)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4),
    st.sampled_from(UpdateMode),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2),
    taken,
)
def test_whatever_is_taken_the_update_keeps_its_bounds_and_comes(
    wanted: int,
    mode: UpdateMode,
    same_machine: bool,
    stand_in: bool,
    soak: bool,
    more: int,
    losses: list[tuple[int, float, int]],
) -> None:
    """Never more replicas than the mode allows (twice, where on-demand machines stand in), without those that are taken
    away; in the end all are of the new version, and it is not blamed."""
    town = spot_town(wanted, Placement(stand_in=stand_in))
    how = UpdateSettings(
        max_surge=Part(more),
        max_unavailable=Part(1 - min(more, 1)),
        canary_steps=STEPS,
        progress_deadline=3000,
        min_ready_seconds=7 if soak else 0,
    )
    town.update("t2", mode, how, machine="m" if same_machine else "n")
    for number, notice, seconds in losses:
        machines = [r for r in town.alive() if r.instance is not None and r.offer.spot]
        if machines:
            take(town, machines[number % len(machines)], notice)
        for _ in range(seconds):
            standing = standing_of(Draft(town.snapshot()))
            rolls = standing.mode is UpdateMode.ROLLING
            roof = wanted + (surge(standing.settings, standing.mode, wanted) if rolls else wanted)
            town.step()
            assert len([r for r in town.alive() if not r.doomed]) <= roof * (1 + stand_in)
    assert town.until_quiet(8000), town.service
    assert (len(town.versions), town.versions[-1].outcome) == (2, "")
    assert len(town.ready(2)) == wanted
