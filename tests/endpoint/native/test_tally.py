"""What is counted of requests, as it is counted and as it is read."""

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyserve.endpoint.tally import REPLICAS, STATUSES, first_bytes_of, keys_of, series_of
from skyserve.model.key import KeyCount
from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.traffic import Answers
from tests.endpoint.native.library import LIBRARY, Memory

BOUNDS = [round(1e6 * bound) for bound in FIRST_BYTE_BOUNDS]
MILLISECOND = 10**6
Opened = Callable[..., "Counter"]


class Counter:
    """One thread of Envoy's."""

    def __init__(self, path: Path, bounds: Sequence[int] = BOUNDS) -> None:
        self.tally: int = LIBRARY.tally_open(os.fsencode(path), (ctypes.c_uint64 * (len(bounds) + 1))(*bounds, 0))
        self.memory = Memory()

    def answer(
        self, replica: int, version: int, status: int, *, second: int = 1, first_byte: int | None = None
    ) -> None:
        """One request. `first_byte`: in nanoseconds."""
        name = LIBRARY.replica_name(replica, version)
        series = LIBRARY.tally_of_replica(self.tally, self.memory, name, second)
        LIBRARY.tally_answer(self.tally, series, status)
        if first_byte is not None:
            LIBRARY.tally_time(self.tally, series + 8 * STATUSES, first_byte)

    def use(self, key: int, tokens: int, *, second: int = 1) -> None:
        """One request with a key."""
        usage = LIBRARY.tally_of_key(self.tally, self.memory, key, second).contents
        usage.requests += 1
        usage.tokens += tokens


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens them, and closes them in the end."""
    counters: list[Counter] = []

    def open_one(path: Path, bounds: Sequence[int] = BOUNDS) -> Counter:
        counters.append(Counter(path, bounds))
        return counters[-1]

    yield open_one
    for counter in counters:
        LIBRARY.tally_close(counter.tally)


def test_what_is_counted_is_read(opened: Opened, tmp_path: Path) -> None:
    """By replica, version and status, also by another process, and after the one who counted is gone."""
    path = tmp_path / "tally"
    counter = opened(path)
    for status in (200, 200, 503, 0):
        counter.answer(2, 7, status)
    counter.answer(2, 8, 404)
    counter.answer(0, 0, 401)
    counter.use(5, 100)
    opened(path).use(5, 20)

    found = series_of(path)
    assert {name: series.answers() for name, series in found.items()} == {
        (2, 7): (Answers(0, 1), Answers(200, 2), Answers(503, 1)),
        (2, 8): (Answers(404, 1),),
        (0, 0): (Answers(401, 1),),
    }
    assert keys_of(path) == {5: KeyCount(requests=2, tokens=120)}
    assert path.stat().st_mode & 0o777 == 0o600


@given(st.lists(st.integers(0, 2000 * 1000 * MILLISECOND) | st.sampled_from([1000 * b for b in BOUNDS]), max_size=50))
def test_times(tmp_path_factory: pytest.TempPathFactory, times: list[int]) -> None:
    """For each bound, how many are within it."""
    path = tmp_path_factory.mktemp("t") / "tally"
    counter = Counter(path)
    for time in times:
        counter.answer(1, 1, 200, first_byte=time)
    LIBRARY.tally_close(counter.tally)

    spread = series_of(path)[1, 1].first_byte if times else None
    if spread is not None:
        assert spread.within == tuple(sum(time <= 1000 * bound for time in times) for bound in BOUNDS)
        assert spread.count == len(times)
        assert spread.seconds == pytest.approx(sum(times) / 1e9)
    assert sum(first_bytes_of(path)) == 0  # nobody said that these are the service's


def test_many_threads_at_once(opened: Opened, tmp_path: Path) -> None:
    """None of their requests is lost, though they come upon the same new replicas together."""
    path = tmp_path / "tally"
    counters = [opened(path) for _ in range(4)]

    def count(counter: Counter) -> None:
        for number in range(3000):
            counter.answer(number % 50, 1, 200 + number % 3, first_byte=MILLISECOND)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, counters))
    found = series_of(path)
    assert set(found) == {(replica, 1) for replica in range(50)}
    assert sum(answers.count for series in found.values() for answers in series.answers()) == 4 * 3000
    assert {series.first_byte.count for series in found.values()} == {4 * 3000 // 50}


def test_who_was_not_seen_for_the_longest_time_is_let_go_of(opened: Opened, tmp_path: Path) -> None:
    """More replicas than there are places for: the newest are kept, and counted from nothing."""
    path = tmp_path / "tally"
    counter = opened(path)
    for number in range(REPLICAS + 100):
        counter.answer(number, 1, 200, second=number)
        counter.answer(0, 1, 200, second=number)
    found = series_of(path)
    assert set(found) == {(0, 1), *((number, 1) for number in range(101, REPLICAS + 100))}
    assert found[REPLICAS + 99, 1].counts == {200: 1}
    assert found[0, 1].counts == {200: REPLICAS + 101}


def test_more_statuses_than_there_are_places_for(opened: Opened, tmp_path: Path) -> None:
    """They are counted with others of their hundred."""
    path = tmp_path / "tally"
    counter = opened(path)
    for status in (200, 400, 500, *range(201, 201 + STATUSES), 599):
        counter.answer(1, 1, status)
    counts = series_of(path)[1, 1].counts
    assert sum(counts.values()) == STATUSES + 4
    assert sum(count for status, count in counts.items() if status >= 500) == 2
    assert len(counts) == STATUSES


def test_totals_are_kept(opened: Opened, tmp_path: Path) -> None:
    """By whoever counts next with the same bounds; with others it is begun anew, and the file before is another."""
    path = tmp_path / "tally"
    opened(path).answer(1, 1, 200)
    opened(path).answer(1, 1, 200)
    assert series_of(path)[1, 1].counts == {200: 2}
    opened(path, BOUNDS[1:])
    assert series_of(path) == {}


@pytest.mark.parametrize("half", [True, False])
def test_a_file_that_is_none_of_these(opened: Opened, tmp_path: Path, half: bool) -> None:
    """It is replaced, and before it is nothing is read from it."""
    path = tmp_path / "tally"
    opened(path)
    size = path.stat().st_size
    path.write_bytes(b"\1" * (size // 2 if half else size))
    assert (first_bytes_of(path), keys_of(path), series_of(path)) == ((), None, {})
    opened(path).answer(1, 1, 200)
    assert series_of(path)[1, 1].counts == {200: 1}


def test_where_there_is_no_file(tmp_path: Path) -> None:
    """Nothing is known, and nothing can be counted where there can be none."""
    path = tmp_path / "nowhere" / "tally"
    assert (first_bytes_of(path), keys_of(path), series_of(path)) == ((), None, {})
    assert Counter(path).tally is None


def test_opened_by_many_at_once(opened: Opened, tmp_path: Path) -> None:
    """They all have the same one."""
    path = tmp_path / "tally"
    with ThreadPoolExecutor(8) as pool:
        for counter in pool.map(lambda _: opened(path), range(16)):
            counter.answer(1, 1, 200)
    assert series_of(path)[1, 1].counts == {200: 16}
    assert [file.name for file in tmp_path.iterdir()] == ["tally"]
