"""Buckets of requests, on a clock of the test's own."""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from tests.endpoint.native.library import LIBRARY, Taking

SECOND = 10**9
_keys = itertools.count(1)


def bucket(a_minute: int) -> int:
    """One that nobody took from."""
    made: int = LIBRARY.bucket_of(1, next(_keys), a_minute)
    return made


def take(one: int, at: float) -> Taking:
    """One request, so many seconds after the beginning."""
    taken: Taking = LIBRARY.bucket_take(one, int(at * SECOND))
    return taken


@given(st.integers(1, 5000), st.lists(st.floats(0, 30), max_size=60))
def test_it_holds_the_requests_of_a_minute(a_minute: int, pauses: list[float]) -> None:
    """It is full at first, is filled evenly, and gives what is in it, as a number of real ones would."""
    one, level, at = bucket(a_minute), float(a_minute), 1000.0
    for pause in pauses:
        at += pause
        level = min(float(a_minute), level + pause * a_minute / 60)
        if abs(level - round(level)) < 1e-3 and level < a_minute:
            return  # one of both may be rounded the other way
        taken = take(one, at)
        assert taken.taken == (level >= 1)
        level -= taken.taken
        assert taken.left == (math.floor(level) if taken.taken else 0)


def test_a_burst_and_what_is_told_of_it() -> None:
    """As many as a minute's at once, and then one each so many seconds; what is refused is told when to come."""
    one = bucket(4)

    burst = [take(one, 100) for _ in range(5)]

    assert [(t.taken, t.left, t.wait, t.full) for t in burst] == [
        (True, 3, 0, 15),
        (True, 2, 0, 30),
        (True, 1, 0, 45),
        (True, 0, 0, 60),
        (False, 0, 15, 60),
    ]
    assert (take(one, 110).taken, take(one, 110).wait) == (False, 5)
    assert take(one, 115).taken


def test_what_is_used_up_stays_so() -> None:
    """Whoever asks for the bucket again has the same one; another key, service or rate has another."""
    a, others = bucket(1), [LIBRARY.bucket_of(1, 10**6, 2), LIBRARY.bucket_of(2, 10**6, 1)]
    key = next(_keys) - 1
    assert take(a, 1).taken

    assert LIBRARY.bucket_of(1, key, 1) == a
    assert not take(LIBRARY.bucket_of(1, key, 1), 2).taken
    assert len({a, *others}) == 3


def test_many_threads_take_no_more_than_there_is() -> None:
    """None is lost, none is given twice."""
    one = bucket(5000)

    with ThreadPoolExecutor(8) as threads:
        taken = sum(threads.map(lambda _: sum(take(one, 5).taken for _ in range(1000)), range(8)))

    assert taken == 5000
