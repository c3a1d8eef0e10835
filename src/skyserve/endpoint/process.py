"""The Envoy process: started detached, adopted after a restart of the controller, replaced by a newer one without a
request being lost, started again when it dies."""

import asyncio
import json
import logging
import signal
import time

from skyserve.endpoint.admin import Admin, AdminError
from skyserve.endpoint.bootstrap import traces_of
from skyserve.endpoint.layout import Layout
from skyserve.endpoint.running import Running
from skyserve.endpoint.starting import Generation, clear, identity, spawn_alone, spawn_successor, would_start
from skyserve.model.tracing import Tracing

log = logging.getLogger(__name__)

STABLE_SECONDS = 5.0
"""An Envoy that lived shorter has failed to start; the pause before the next start doubles."""
FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 10.0
END_SECONDS = 5.0
"""Between SIGTERM and SIGKILL."""
TAKEOVER_SECONDS = 60.0
"""Within this time a successor serves, or it is given up."""
LOOK_SECONDS = 0.05


class EnvoyProcess:
    """One Envoy for one directory; two while one takes over from the other."""

    def __init__(self, layout: Layout, admin: Admin, traces: Tracing | None = None) -> None:
        """`traces`: where an Envoy that is started sends them."""
        self._layout = layout
        self._admin = admin
        self.traces = traces
        """Where this Envoy's go; known once it is adopted or started."""
        self.node = identity(layout)
        """By what name the Envoy that is to be steered asks."""
        self._running: Running | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Adopt the Envoy of this directory, replace it if it is out of date, or start one; then keep one running until
        `close` or `stop`. What Envoy is to be told must be served by now: a successor serves once it was told."""
        if self._running is None and not self.adopt():
            self._running = await self._alone()
        assert self._running is not None
        generation = Generation.of(self._running)
        if generation is None or generation.identity != self.node:
            self._running = await self._replaced(self._running, generation)
        self._keeper = asyncio.create_task(self._keep())

    def adopt(self) -> bool:
        """Take over the Envoy of this directory, if one runs. Its traces go where they went, whatever is asked."""
        self._running = self._found()
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
        await _ended(self._running)
        self._running = None
        await self._bury()
        self._layout.process.unlink(missing_ok=True)
        clear(self._layout)

    def _found(self) -> Running | None:
        """The one that lives. A successor counts from its first moment: it takes over as soon as it is told what to
        serve, whoever started it."""
        successor = Running.recorded(self._layout.successor)
        if successor is not None:
            self._hand_over()
            return successor
        self._layout.successor.unlink(missing_ok=True)
        return Running.recorded(self._layout.process)

    async def _replaced(self, old: Running, generation: Generation | None) -> Running:
        """The one that goes on: a new one, unless it cannot start."""
        if not await would_start(self._layout, self.traces):
            log.error("a newer Envoy would not start, so that pid %d goes on. %s", old.pid, self._last())
            self.node = generation.identity if generation else self.node
            return old
        log.info("Envoy, pid %d, is out of date: another takes over", old.pid)
        if generation is not None and (new := await self._succeeded(generation.epoch + 1)) is not None:
            return new
        # The old one cannot be steered any more, or does not know how to hand over.
        await _ended(old)
        return await self._alone()

    async def _alone(self) -> Running:
        """One that follows none: what others had begun ends."""
        await self._bury()
        return await spawn_alone(self._layout, self.traces)

    async def _bury(self) -> None:
        """End the one that was replaced, which nobody else would if its successor has died."""
        former = Running.recorded(self._layout.former)
        if former is not None:
            await _ended(former)
        self._layout.former.unlink(missing_ok=True)

    def _hand_over(self) -> None:
        """Record that the successor is the one, and the other goes. Whoever dies in between leaves a successor."""
        if self._layout.process.exists():
            self._layout.process.replace(self._layout.former)
        self._layout.successor.replace(self._layout.process)

    async def _succeeded(self, epoch: int) -> Running | None:
        """The successor once it serves; None: it failed."""
        await self._bury()
        try:
            new = await spawn_successor(self._layout, epoch, self.traces)
        except OSError as error:
            log.error("it is not known how to take over: %s", error)
            return None
        try:
            async with asyncio.timeout(TAKEOVER_SECONDS):
                while not await self._serves(epoch) and new.lives():  # noqa: ASYNC110 - another process
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            log.error("Envoy, pid %d, did not take over in time", new.pid)
            await _ended(new)
        if not new.lives():
            log.error("Envoy, pid %d, did not take over. %s", new.pid, self._last())
            self._layout.successor.unlink(missing_ok=True)
            return None
        self._hand_over()
        return new

    async def _serves(self, epoch: int) -> bool:
        try:
            return await self._admin.live_epoch() == epoch
        except AdminError:
            return False

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
            self._running = await self._alone()

    def _last(self) -> str:
        """What it said last."""
        try:
            lines = self._layout.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return lines[-1] if lines else ""


async def _ended(process: Running) -> None:
    """End it, by force if need be."""
    process.signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.exited()
    except TimeoutError:
        process.signal(signal.SIGKILL)
        await process.exited()
