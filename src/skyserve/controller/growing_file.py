"""A log file that grows, and is moved to NAME.1 for a new one when it is long: read as if it were one."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

from skyserve.contracts.clock import Clock

FOLLOW_SECONDS = 0.5
"""How often a log that is followed is looked at for more."""
_CHUNK = 65536


async def growing_file(
    clock: Clock, path: Path, *, tail: int | None, follow: bool, over: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """What there is of it, or its last lines; with `follow`, what comes too, until it is over."""
    file = await asyncio.to_thread(_GrowingFile, path, tail)
    try:
        while True:
            ending = not follow or over()
            while chunk := await asyncio.to_thread(file.read):
                yield chunk
            if ending:
                return
            await clock.sleep(FOLLOW_SECONDS)
    finally:
        file.close()


class _GrowingFile:
    """The present file and the one before it, open, so that neither is lost when it is moved or deleted."""

    def __init__(self, path: Path, tail: int | None) -> None:
        self._path = path
        # The present one first: should it be moved meanwhile, it is met again as the one before, and not missed.
        files = [file for name in (path, path.with_name(f"{path.name}.1")) if (file := _opened(name))]
        if len(files) == 2 and os.path.sameopenfile(files[0].fileno(), files[1].fileno()):
            files.pop().close()
        self._files = files[::-1]
        if tail is not None:
            for file in files:
                tail -= _go_back(file, tail)

    def read(self) -> bytes:
        """What comes next; nothing if there is no more now."""
        while True:
            if self._files and (chunk := self._files[0].read(_CHUNK)):
                return chunk
            if len(self._files) < 2 and not self._find_next():
                return b""
            if len(self._files) > 1:
                self._files.pop(0).close()

    def _find_next(self) -> bool:
        """The path leads to another file now. It is made once the one before gets no more."""
        file = _opened(self._path)
        if file is None:
            return False
        if self._files and os.path.sameopenfile(self._files[0].fileno(), file.fileno()):
            file.close()
            return False
        self._files.append(file)
        return True

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _go_back(file: BinaryIO, lines: int) -> int:
    """Go to the beginning of the last so many lines. Returns how many there are, if fewer."""
    position, found = file.seek(0, os.SEEK_END), 0
    if lines == 0:
        return 0
    while position:
        size = min(_CHUNK, position)
        position -= size
        file.seek(position)
        block = file.read(size)
        while (end := block.rfind(b"\n")) >= 0:
            # The line end before the last so many lines, each of which ends with one itself.
            if found == lines:
                file.seek(position + end + 1)
                return lines
            found += 1
            block = block[:end]
    file.seek(0)
    return found
