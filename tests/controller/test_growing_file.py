"""The log of requests, which is moved away and begun anew while it is read."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from skyserve.controller.growing_file import FOLLOW_SECONDS, growing_file
from skyserve.sim.virtual import VirtualClock, run_virtual

LONG = [f"line {number:06} {'x' * 80}" for number in range(3000)]
"""More than one block."""


def text(lines: list[str]) -> str:
    """As a file has them."""
    return "".join(f"{line}\n" for line in lines)


def read(path: Path, tail: int | None = None) -> list[str]:
    """The lines there are."""

    async def told() -> list[str]:
        chunks = growing_file(VirtualClock(), path, tail=tail, follow=False, over=lambda: False)
        return b"".join([chunk async for chunk in chunks]).decode().splitlines()

    return run_virtual(told())


@pytest.mark.parametrize("tail", [None, 0, 1, 7, 500, 2500, 3000, 4000, 10_000])
@pytest.mark.parametrize("split", [0, 1000, 2999, 3000])
def test_two_files_are_read_as_one(tmp_path: Path, tail: int | None, split: int) -> None:
    """Wherever the log was cut, whole or its last lines come in their order."""
    (tmp_path / "a.jsonl.1").write_text(text(LONG[:split]))
    (tmp_path / "a.jsonl").write_text(text(LONG[split:]))
    assert read(tmp_path / "a.jsonl", tail) == (LONG if tail is None else LONG[len(LONG) - min(tail, len(LONG)) :])


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    """Before the first request there is nothing; while it is being moved there is the part that was."""
    assert read(tmp_path / "a.jsonl", 5) == []
    (tmp_path / "a.jsonl.1").write_text(text(LONG[:3]))
    assert read(tmp_path / "a.jsonl", 2) == LONG[1:3]


class Following:
    """Somebody reads along."""

    def __init__(self, path: Path, clock: VirtualClock, tail: int | None) -> None:
        self.clock = clock
        self.ended = False
        self.seen = b""
        self.chunks = growing_file(clock, path, tail=tail, follow=True, over=lambda: self.ended)
        self.task = asyncio.create_task(self._read(self.chunks))

    async def _read(self, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            self.seen += chunk

    async def lines(self, count: int) -> list[str]:
        """Once there are so many."""
        while self.seen.count(b"\n") < count:
            await self.clock.sleep(FOLLOW_SECONDS)
        return self.seen.decode().splitlines()


def test_following_misses_nothing(tmp_path: Path) -> None:
    """What was written before the log was moved, what is still written into the moved one, and what comes into the new
    one; at the end of the service the reading ends."""
    path = tmp_path / "a.jsonl"

    async def told() -> None:
        clock = VirtualClock()
        with path.open("w") as before:
            before.write(text(LONG[:5]))
            before.flush()
            following = Following(path, clock, tail=2)
            assert await following.lines(2) == LONG[3:5]
            before.write(text(LONG[5:7]))
            before.flush()
            path.replace(tmp_path / "a.jsonl.1")
            before.write(text(LONG[7:9]))
            before.flush()
            assert await following.lines(6) == LONG[3:9]
        path.write_text(text(LONG[9:100]))
        assert await following.lines(97) == LONG[3:100]
        path.replace(tmp_path / "a.jsonl.1")
        path.write_text(text(LONG[100:102]))
        assert await following.lines(99) == LONG[3:102]
        following.ended = True
        await following.task

    run_virtual(told())


def test_following_a_log_that_comes_later(tmp_path: Path) -> None:
    """The first request makes the file."""
    path = tmp_path / "a.jsonl"

    async def told() -> None:
        clock = VirtualClock()
        following = Following(path, clock, tail=None)
        await clock.sleep(10)
        path.write_text(text(LONG[:1]))
        assert await following.lines(1) == LONG[:1]
        following.ended = True
        await following.task

    run_virtual(told())
