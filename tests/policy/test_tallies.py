"""What counts for and against a version, by what endpoints counted."""

from hypothesis import given
from hypothesis import strategies as st

from skyserve.model.rollout import Rollout, Tally, UpdateMode
from skyserve.model.route import BackendStatus
from skyserve.policy.rollout.errors import interval, worse
from skyserve.policy.rollout.tallies import Count, since, without

counted = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(lambda pair: (max(pair), min(pair)))


def backend(answered: int, errors: int) -> BackendStatus:
    """An endpoint's counters of one replica."""
    return BackendStatus(True, answered=answered, errors=errors)


def test_what_was_answered_before_does_not_count() -> None:
    """Only what came since the update began."""
    assert since(Tally(1, 1000, 3), backend(1100, 13)) == (100, 10)


def test_an_endpoint_that_counts_anew_is_noticed() -> None:
    """Its counters have shrunk, or more errors came than requests: all that it tells came since."""
    assert since(Tally(1, 1000, 3), backend(40, 4)) == (40, 4)
    assert since(Tally(1, 100, 3), backend(110, 90)) == (110, 90)
    assert since(Tally(1, 100, 30), backend(500, 1)) == (500, 1)


@given(counted, counted, counted)
def test_whatever_is_counted_is_a_share(began: tuple[int, int], new: tuple[int, int], old: tuple[int, int]) -> None:
    """No more errors than requests, however an endpoint counts, so that a verdict is always come to."""
    found = since(Tally(1, *began), backend(*new))
    assert 0 <= found.errors <= found.answered
    low, high = interval(found)
    assert 0 <= low <= high <= 1
    assert not (worse(found, Count(*old)) and worse(Count(*old), found))


def test_what_an_old_replica_answered_outlives_it() -> None:
    """It is added up, and the replica that follows under its id begins at zero."""
    rollout = Rollout(2, 1, UpdateMode.ROLLING, 0, 0, baseline=(Tally(1, 100, 2), Tally(2, 50, 0)))
    after = without(without(rollout, 1, backend(160, 5)), 2, backend(70, 1))
    assert (after.baseline, after.gone_answered, after.gone_errors) == ((), 80, 4)
