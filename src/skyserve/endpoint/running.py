"""A process that outlives us: known by pid and start time, so that a reused pid deceives nobody."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

_STATE, _START_TIME = 0, 19
"""Of the fields that follow the name in /proc/PID/stat: proc(5), fields 3 and 22."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process that was alive when we looked."""

    pid: int

    @classmethod
    def written(cls, file: Path) -> "Running | None":
        """The process that wrote its /proc/PID/stat to the file, whether or not it still lives."""
        try:
            text = file.read_text()
            return cls(_parse(text)[0]) if text.endswith("\n") else None
        except (OSError, ValueError):
            return None

    @classmethod
    def recorded(cls, file: Path) -> "Running | None":
        """The process whose /proc/PID/stat was written to the file, if it lives."""
        try:
            pid, fields = _parse(file.read_text())
            _, now = _parse(Path(f"/proc/{pid}/stat").read_text())
        except (OSError, ValueError, IndexError):
            return None
        same = fields[_START_TIME] == now[_START_TIME]
        return cls(pid) if same and now[_STATE] not in "ZX" else None

    def environment(self) -> Mapping[str, str]:
        """What it was started with; empty if it is no more, or not ours to look at."""
        try:
            content = Path(f"/proc/{self.pid}/environ").read_bytes()
        except OSError:
            return {}
        pairs = (entry.decode(errors="replace").partition("=") for entry in content.split(b"\0") if entry)
        return {name: value for name, _, value in pairs}

    def lives(self) -> bool:
        """It has not ended yet."""
        try:
            return _parse(Path(f"/proc/{self.pid}/stat").read_text())[1][_STATE] not in "ZX"
        except (OSError, ValueError, IndexError):
            return False

    async def exited(self) -> None:
        """Return when it is no more."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(handle, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)

    def signal(self, number: Signals) -> None:
        """Send it a signal; nothing if it is no more."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def _parse(stat: str) -> tuple[int, list[str]]:
    """The pid, and the fields after the name, which may itself hold spaces and parentheses."""
    pid, _, rest = stat.partition(" ")
    return int(pid), rest.rpartition(")")[2].split()
