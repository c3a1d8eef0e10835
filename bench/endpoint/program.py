"""Programs of a measurement: started on cores of their own, watched for what they use, ended with all they started."""

import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 90.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _SYSTEM = 1, 11, 12
"""Of the fields that follow the name in /proc/PID/stat: proc(5), fields 4, 14 and 15."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which of this machine's cores do what, so that a proxy shares its own with nothing of ours."""

    proxy: frozenset[int]
    load: frozenset[int]

    @classmethod
    def divided(cls) -> "Cores":
        """One for the proxy, the others for load and replicas; a machine of one core has that for both."""
        first, *others = sorted(os.sched_getaffinity(0))
        return cls(frozenset({first}), frozenset(others or {first}))


class Program:
    """One that runs, with its children."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        cores: frozenset[int],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """What it says goes to `log`. It is told to end by the end of its input."""
        self._command = " ".join(map(str, command))
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=None if environment is None else {**os.environ, **environment},
                preexec_fn=lambda: os.sched_setaffinity(0, cores),
            )

    def tell(self, line: str) -> None:
        """Write a line to its input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """To itself alone."""
        self._process.send_signal(number)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return when it holds. Raises RuntimeError with the program's last words if it ends or takes too long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self._command} is not ready (exit code {self._process.poll()}):\n{said}")
            time.sleep(0.05)

    def said(self, line: str) -> bool:
        """The line stands in its log."""
        return line in self._log.read_text(errors="replace").splitlines()

    @property
    def pid(self) -> int:
        """Its own."""
        return self._process.pid

    def end(self) -> None:
        """By the end of its input, then by signals to its session."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                os.killpg(self._process.pid, number)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                continue
            return

    def kill(self) -> None:
        """At once, as a machine that is lost."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def cpu_seconds(pid: int) -> float:
    """Used so far by a process and all that it started, as long as they live."""
    children, used = _processes()
    waiting, total = [pid], 0.0
    while waiting:
        one = waiting.pop()
        total += used.get(one, 0.0)
        waiting += children.get(one, [])
    return total


def _processes() -> tuple[Mapping[int, Sequence[int]], Mapping[int, float]]:
    """(the children, the seconds of CPU) of every process."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    used: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children[int(fields[_PARENT])].append(int(folder.name))
            used[int(folder.name)] = (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS
    return children, used
