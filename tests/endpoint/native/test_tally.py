"""What is counted of requests, as it is counted and as it is read."""

import ctypes
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyserve.endpoint.tally import REPLICAS, STATUSES, Series, first_bytes_of, keys_of, series_of
from skyserve.model.key import KeyCount
from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.traffic import Answers
from tests.endpoint.native.library import LIBRARY, Memory, Tell

BOUNDS = [round(1e6 * bound) for bound in FIRST_BYTE_BOUNDS]
MILLISECOND = 10**6
said: list[str] = []
"""What went wrong, as it is told."""
TELL = Tell(lambda message: said.append(message.decode()))
Opened = Callable[..., "Counter"]


class Counter:
    """What one Envoy counts, and one of its threads."""

    def __init__(self, path: Path, bounds: Sequence[int] = BOUNDS) -> None:
        self.tally: int = LIBRARY.tally_new((ctypes.c_uint64 * (len(bounds) + 1))(*bounds, 0))
        self.ledger: int = LIBRARY.ledger_open(os.fsencode(path), TELL)
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
        """One request with a key, which comes to no replica."""
        self.answer(0, 0, 401, second=second)
        usage = LIBRARY.tally_of_key(self.tally, self.memory, key, second).contents
        usage.requests += 1
        usage.tokens += tokens

    def add(self) -> None:
        """Into the file."""
        LIBRARY.ledger_add(self.ledger, self.tally)

    def close(self) -> None:
        """What was not added is gone."""
        LIBRARY.ledger_close(self.ledger)
        LIBRARY.tally_free(self.tally)


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens them, and closes them in the end."""
    counters: list[Counter] = []
    said.clear()

    def open_one(path: Path, bounds: Sequence[int] = BOUNDS) -> Counter:
        counters.append(Counter(path, bounds))
        return counters[-1]

    yield open_one
    for counter in counters:
        counter.close()


def test_what_is_counted_is_read(opened: Opened, tmp_path: Path) -> None:
    """By replica, version and status; of two who count, and after they are gone; what was added is not added again."""
    path = tmp_path / "tally"
    counter, other = opened(path), opened(path)
    for status in (200, 200, 503, 0):
        counter.answer(2, 7, status)
    counter.answer(2, 8, 404)
    counter.use(5, 100)
    other.answer(3, 7, 503)
    other.answer(2, 7, 503)
    other.use(5, 20)
    for one in (counter, other, counter, other):
        one.add()

    found = series_of(path)
    assert {name: series.answers() for name, series in found.items()} == {
        (2, 7): (Answers(0, 1), Answers(200, 2), Answers(503, 2)),
        (2, 8): (Answers(404, 1),),
        (3, 7): (Answers(503, 1),),
        (0, 0): (Answers(401, 2),),
    }
    assert keys_of(path) == {5: KeyCount(requests=2, tokens=120)}
    assert path.stat().st_mode & 0o777 == 0o600
    assert said == []


@given(st.lists(st.integers(0, 2000 * 1000 * MILLISECOND) | st.sampled_from([1000 * b for b in BOUNDS]), max_size=50))
def test_times(tmp_path_factory: pytest.TempPathFactory, times: list[int]) -> None:
    """For each bound, how many are within it."""
    path = tmp_path_factory.mktemp("t") / "tally"
    counter = Counter(path)
    counter.answer(1, 1, 500)
    for time in times:
        counter.answer(1, 1, 200, first_byte=time)
    counter.add()
    counter.close()

    spread = series_of(path)[1, 1].first_byte
    assert spread.within == tuple(sum(time <= 1000 * bound for time in times) for bound in BOUNDS)
    assert spread.count == len(times)
    assert spread.seconds == pytest.approx(sum(times) / 1e9)
    assert first_bytes_of(path) == (0,) * len(BOUNDS)  # nobody said that these are the service's


def test_many_threads_at_once(opened: Opened, tmp_path: Path) -> None:
    """None of their requests is lost, though they come upon the same new replicas together, and are added to the file
    meanwhile."""
    path = tmp_path / "tally"
    counters = [opened(path) for _ in range(2)]
    begun = threading.Event()

    def count(thread: int) -> None:
        counter = copy(counters[thread % 2])
        counter.memory = Memory()
        begun.wait()
        for number in range(3000):
            counter.answer(number % 50, 1, 200 + number % 3, first_byte=MILLISECOND)
            if number % 500 == 0:
                counter.add()

    with ThreadPoolExecutor(4) as pool:
        counting = [pool.submit(count, thread) for thread in range(4)]
        begun.set()
        for one in counting:
            one.result()
    for counter in counters:
        counter.add()
    found = series_of(path)
    assert set(found) == {(replica, 1) for replica in range(50)}
    assert sum(answers.count for series in found.values() for answers in series.answers()) == 4 * 3000
    assert {series.first_byte.count for series in found.values()} == {4 * 3000 // 50}


@pytest.mark.parametrize("every", [1, 10_000])
def test_who_was_not_seen_for_the_longest_time_is_let_go_of(opened: Opened, tmp_path: Path, every: int) -> None:
    """More replicas than there are places for, in the file or already in memory: the newest are kept, and counted from
    nothing."""
    path = tmp_path / "tally"
    counter = opened(path)
    for number in range(REPLICAS + 100):
        counter.answer(number, 1, 200, second=number)
        counter.answer(0, 1, 200, second=number)
        if number % every == 0:
            counter.add()
    counter.add()
    found = series_of(path)
    assert set(found) == {(0, 1), *((number, 1) for number in range(101, REPLICAS + 100))}
    assert found[REPLICAS + 99, 1].counts == {200: 1}
    assert found[0, 1].counts == {200: REPLICAS + 101}


def test_more_statuses_than_there_are_places_for(opened: Opened, tmp_path: Path) -> None:
    """They are counted as the first of their hundred."""
    path = tmp_path / "tally"
    counter = opened(path)
    statuses = [*range(201, 201 + STATUSES), 599, 503, 0, 999, 1234]
    for status in statuses:
        counter.answer(1, 1, status)
    counter.add()
    counts = series_of(path)[1, 1].counts
    assert sum(counts.values()) == len(statuses)
    assert {status: count for status, count in counts.items() if not 200 < status < 300} == {
        0: 1,
        200: STATUSES + 10 - STATUSES,
        500: 2,
        900: 2,
    }


def test_with_other_bounds_it_is_begun_anew(opened: Opened, tmp_path: Path) -> None:
    """What was counted before could not be told."""
    path = tmp_path / "tally"
    for bounds in (BOUNDS, BOUNDS[1:], BOUNDS):
        counter = opened(path, bounds)
        counter.answer(1, 1, 200)
        counter.add()
        assert series_of(path) == ({} if bounds != BOUNDS else {(1, 1): Series({200: 1})})


@pytest.mark.parametrize("half", [True, False])
def test_a_file_that_is_none_of_these(opened: Opened, tmp_path: Path, half: bool) -> None:
    """It is begun anew, and before it is nothing is read from it."""
    path = tmp_path / "tally"
    counter = opened(path)
    counter.answer(1, 1, 200)
    counter.add()
    size = path.stat().st_size
    path.write_bytes(b"\1" * (size // 2 if half else size))
    assert (first_bytes_of(path), keys_of(path), series_of(path)) == ((), None, {})
    counter.answer(1, 1, 200)
    counter.add()
    assert series_of(path)[1, 1].counts == {200: 1}


def test_where_there_can_be_no_file(opened: Opened, tmp_path: Path) -> None:
    """It is told once, and what was counted is added as soon as there can be one."""
    path = tmp_path / "later" / "tally"
    assert (first_bytes_of(path), keys_of(path), series_of(path)) == ((), None, {})
    counter = opened(path)
    counter.answer(1, 1, 200)
    counter.add()
    counter.add()
    assert said == [f"{path} cannot be written: No such file or directory. It is tried again."]
    path.parent.mkdir()
    counter.answer(1, 1, 200)
    counter.add()
    assert series_of(path)[1, 1].counts == {200: 2}


@pytest.mark.parametrize("room", [50_000, 84_000, 85_500])
def test_a_disk_that_is_full(opened: Opened, tmp_path: Path, room: int) -> None:
    """What could not be written is added later."""
    path = tmp_path / "tally"
    counter = opened(path)
    counter.answer(1, 1, 200)
    counter.add()
    before, unlimited = resource.getrlimit(resource.RLIMIT_FSIZE), resource.RLIM_INFINITY
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        counter.answer(1, 1, 200)
        counter.answer(2, 1, 200)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, unlimited))
        counter.add()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert said == [f"{path} cannot be written: File too large. It is tried again."]
    counter.add()
    assert {name: series.counts for name, series in series_of(path).items()} == {(1, 1): {200: 2}, (2, 1): {200: 1}}


def test_a_file_that_was_deleted_stays_so(opened: Opened, tmp_path: Path) -> None:
    """Its service is gone."""
    path = tmp_path / "tally"
    counter = opened(path)
    counter.answer(1, 1, 200)
    counter.add()
    path.unlink()
    counter.answer(1, 1, 200)
    counter.add()
    assert not path.exists()
    assert said == []
