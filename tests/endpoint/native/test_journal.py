"""The file that lines of the access log are appended to."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.endpoint.native.library import LIBRARY, Tell

Opened = Callable[[Path], int]
said: list[str] = []
"""What went wrong, as it is told."""
TELL = Tell(lambda message: said.append(message.decode()))


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens journals, and closes them in the end."""
    journals = []
    said.clear()

    def open_one(path: Path) -> int:
        journal: int = LIBRARY.journal_open(os.fsencode(path), TELL)
        journals.append(journal)
        return journal

    yield open_one
    for journal in journals:
        LIBRARY.journal_close(journal)


def append(journal: int, line: bytes) -> None:
    """One line."""
    LIBRARY.journal_append(journal, line, len(line))


def flushed(journal: int, path: Path) -> list[bytes]:
    """What stands in the file, once all is written."""
    LIBRARY.journal_flush(journal)
    return path.read_bytes().splitlines()


def test_lines_of_many_threads(opened: Opened, tmp_path: Path) -> None:
    """None is lost or broken, and each thread's are in order, whoever writes them meanwhile."""
    path = tmp_path / "log"
    journal = opened(path)

    def write(thread: int) -> None:
        for number in range(2000):
            append(journal, b"%d %d %s\n" % (thread, number, b"x" * 100))
            if number % 500 == thread:
                LIBRARY.journal_flush(journal)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    lines = [line.split() for line in flushed(journal, path)]
    for thread in range(4):
        assert [int(line[1]) for line in lines if int(line[0]) == thread] == list(range(2000))
    assert {line[2] for line in lines} == {b"x" * 100}
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_written_without_being_asked(opened: Opened, tmp_path: Path) -> None:
    """By a thread of its own, and whole, if there are several who write to it."""
    path = tmp_path / "log"
    append(opened(path), b"one\n")
    append(opened(path), b"two\n")
    while sorted(path.read_bytes().splitlines()) != [b"one", b"two"]:
        os.sched_yield()


def test_a_file_that_is_renamed_is_begun_anew(opened: Opened, tmp_path: Path) -> None:
    """Nothing is written to the old one from then on."""
    path, old = tmp_path / "log", tmp_path / "log.1"
    journal = opened(path)
    append(journal, b"before\n")
    assert flushed(journal, path) == [b"before"]
    path.rename(old)
    append(journal, b"after\n")
    assert flushed(journal, path) == [b"after"]
    assert old.read_bytes() == b"before\n"


def test_a_file_that_was_rotated_twice_meanwhile(opened: Opened, tmp_path: Path) -> None:
    """Who writes nothing for long finds the newest, although the one it wrote to is gone."""
    path, old = tmp_path / "log", tmp_path / "log.1"
    quiet, busy = opened(path), opened(path)
    append(quiet, b"quiet\n")
    LIBRARY.journal_flush(quiet)
    for _ in range(2):
        path.replace(old)
        append(busy, b"busy\n")
        LIBRARY.journal_flush(busy)
    append(quiet, b"quiet again\n")
    assert flushed(quiet, path) == [b"busy", b"quiet again"]


def test_a_file_that_is_deleted_stays_so(opened: Opened, tmp_path: Path) -> None:
    """Its service is gone; the last requests to it are logged nowhere."""
    path = tmp_path / "log"
    journal = opened(path)
    path.unlink()
    append(journal, b"late\n")
    LIBRARY.journal_flush(journal)
    assert not path.exists()


def test_a_full_disk(opened: Opened, tmp_path: Path) -> None:
    """It is told once; what waits is written as soon as there is room, and how many lines found no place is told."""
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    journal = opened(path)
    line = b"x" * 99_999 + b"\n"
    for _ in range(400):
        append(journal, line)
        LIBRARY.journal_flush(journal)
    assert said == [f"{path} cannot be written: No space left on device. It is tried again."]
    path.unlink()
    kept = len(flushed_when_there_is_room(journal, path))
    assert said[1:] == [f"{path} lacks {400 - kept} lines, which it could not take."]
    assert 100 < kept < 400


def flushed_when_there_is_room(journal: int, path: Path) -> list[bytes]:
    """The journal looks for its file by name when it writes."""
    path.touch()
    return flushed(journal, path)


def test_where_there_can_be_no_file(tmp_path: Path) -> None:
    """There is no journal."""
    assert LIBRARY.journal_open(os.fsencode(tmp_path / "nowhere" / "log"), TELL) is None
