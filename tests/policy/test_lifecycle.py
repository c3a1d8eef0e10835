"""The table of a replica's life: what must hold of it, cause by cause."""

import pytest

from skyserve.model.replica import Cause, Phase
from skyserve.policy.lifecycle import (
    ENDING,
    FAILURES,
    LOSSES,
    MAY_HOLD_MACHINE,
    NEXT,
    REFUSALS,
    REQUESTS,
    IllegalMove,
    move,
)
from tests.policy.worlds import NOW, replica


def test_every_cause_is_used() -> None:
    """No cause exists that can never happen."""
    assert {cause for row in NEXT.values() for cause in row} == set(Cause)


def test_every_phase_can_end() -> None:
    """From every phase there is a way to GONE."""
    ends = {Phase.GONE}
    for _ in Phase:
        ends |= {phase for phase, row in NEXT.items() if ends & set(row.values())}
    assert ends == set(Phase)


def test_the_one_door_from_a_machine_is_its_absence() -> None:
    """No phase that may hold a machine leads to one that does not, except by proof or by a user's purge."""
    for phase in MAY_HOLD_MACHINE:
        doors = {cause for cause, following in NEXT[phase].items() if following not in MAY_HOLD_MACHINE}
        assert doors <= {Cause.MACHINE_ABSENT, Cause.PURGED}
        assert bool(doors) == (phase is Phase.TERMINATING)


@pytest.mark.parametrize("cause", sorted(REQUESTS))
def test_a_user_may_end_a_replica_in_any_living_phase(cause: Cause) -> None:
    """Scaling down, an update, the user and `down` can end whatever lives."""
    for phase in set(Phase) - ENDING:
        assert NEXT[phase][cause] in ENDING


@pytest.mark.parametrize("cause", sorted(LOSSES))
def test_a_machine_may_be_lost_wherever_there_is_one(cause: Cause) -> None:
    """A place can take a machine away in any phase that has one in use."""
    for phase in MAY_HOLD_MACHINE - {Phase.TERMINATING}:
        assert NEXT[phase][cause] is Phase.TERMINATING


def test_who_served_is_drained_first() -> None:
    """Requests to a replica that served are let finish, when somebody asks for its end."""
    for phase in (Phase.READY, Phase.NOT_READY):
        assert all(NEXT[phase][cause] is Phase.DRAINING for cause in REQUESTS)


def test_task_failures_happen_where_a_task_runs() -> None:
    """Setup fails only while starting; run can fail from then on until the machine goes."""
    where = {cause: {phase for phase, row in NEXT.items() if cause in row} for cause in FAILURES | REFUSALS}
    assert where[Cause.SETUP_FAILED] == {Phase.STARTING}
    assert where[Cause.RUN_FAILED] == {Phase.STARTING, Phase.READY, Phase.NOT_READY, Phase.DRAINING}
    assert where[Cause.INITIAL_DELAY_EXCEEDED] == {Phase.STARTING}
    assert where[Cause.PROBING_FAILED] == {Phase.NOT_READY}
    assert where[Cause.PROVISION_FAILED] == {Phase.PROVISIONING}
    assert all(where[cause] == {Phase.PROVISIONING} for cause in REFUSALS)


def test_readiness_comes_and_goes() -> None:
    """Probes move a replica between READY and NOT_READY, and launch and machine lead there."""
    path = [Cause.LAUNCH, Cause.MACHINE_UP, Cause.PROBE_PASSED, Cause.PROBE_FAILED, Cause.PROBE_PASSED]
    phases = [Phase.PENDING]
    for cause in path:
        phases.append(NEXT[phases[-1]][cause])
    assert phases[1:] == [Phase.PROVISIONING, Phase.STARTING, Phase.READY, Phase.NOT_READY, Phase.READY]
    assert NEXT[Phase.DRAINING][Cause.DRAINED] is Phase.TERMINATING


def test_an_illegal_move_raises() -> None:
    """What the table does not have is an error of the program."""
    with pytest.raises(IllegalMove, match="gone has no move by launch"):
        move(replica(1, Phase.GONE), Cause.LAUNCH, NOW)


def test_the_first_cause_of_the_end_is_kept() -> None:
    """A replica that drains for a scale-down and then loses its machine was scaled down."""
    draining = move(replica(1, Phase.READY), Cause.SCALED_DOWN, NOW, "too many")
    lost = move(draining, Cause.MACHINE_LOST, NOW + 1, "gone")
    assert (lost.ended_by, lost.detail, lost.since) == (Cause.SCALED_DOWN, "too many", NOW + 1)


def test_first_ready_is_remembered() -> None:
    """`ready_since` starts anew with each stretch, `first_ready_at` does not."""
    ready = move(replica(1, Phase.STARTING), Cause.PROBE_PASSED, NOW)
    again = move(move(ready, Cause.PROBE_FAILED, NOW + 5), Cause.PROBE_PASSED, NOW + 9)
    assert (again.first_ready_at, again.ready_since) == (NOW, NOW + 9)
