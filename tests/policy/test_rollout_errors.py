"""When a version answers worse than the one before, and when that cannot be told."""

from hypothesis import given
from hypothesis import strategies as st

from skyserve.policy.rollout.errors import LEAST_ERRORS, interval, worse
from skyserve.policy.rollout.tallies import Count

numbers = st.integers(0, 100_000)
tallies = st.tuples(numbers, numbers).map(lambda pair: Count(max(pair), min(pair)))


def test_what_convicts() -> None:
    """Half of the requests of a canary fail, or a few percent where none did."""
    assert worse(Count(20, 10), Count(400, 0)) == "10 of 20 requests failed, before: 0 of 400"
    assert worse(Count(1000, 40), Count(9000, 20))


def test_what_does_not() -> None:
    """Few errors, errors that the old version has too, and an old version that nobody asked."""
    assert not worse(Count(4, 4), Count(1000, 0))
    assert not worse(Count(100, 5), Count(1000, 30))
    assert not worse(Count(100, 100), Count())


@given(tallies, tallies)
def test_never_both(one: Count, other: Count) -> None:
    """Of two versions at most one is worse, and none is worse than itself."""
    assert not (worse(one, other) and worse(other, one))
    assert not worse(one, one)


@given(tallies)
def test_the_interval_holds_the_share(count: Count) -> None:
    """It lies between 0 and 1, around what was seen; more requests make it narrower."""
    low, high = interval(count)
    assert 0 <= low <= high <= 1
    if count.answered:
        share = count.errors / count.answered
        assert low - 1e-9 <= share <= high + 1e-9
        wider = high - low
        low, high = interval(Count(count.answered * 4, count.errors * 4))
        assert high - low < wider


@given(tallies, st.integers(0, LEAST_ERRORS - 1))
def test_a_handful_of_errors_proves_nothing(old: Count, errors: int) -> None:
    """Whatever the old version did."""
    assert not worse(Count(errors, errors), old)
