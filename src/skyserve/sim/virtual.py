"""Virtual time: an event loop that jumps to the next timer when nothing is left to do, so that hours pass in
milliseconds.

Only for a simulated world: the loop cannot know that a peer behind a socket or a process is still at work, and would
jump past it. What is meant for a thread is done in the loop itself, so that equal beginnings have equal ends.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START = 1_700_000_000.0
"""The virtual clock's first moment, seconds since the epoch; a round number that is easy to add to."""
LIMIT = 366 * 86400.0
"""Virtual seconds after which what has not ended is taken to run, or to wait, for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """Where the loop would wait for its next timer, moves the time there instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer to jump to: only something real can wake the loop
            return super().select(None)
        if not (events := super().select(0)):
            self.now += max(0.0, timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while anything happens, and jumps when nothing does."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        # asyncio fires timers up to this much early, else at large times a float leaves it waiting 0 s for ever.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Do it now: no thread, no virtual time."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # handed to whoever awaits it, as a thread's would be
            future.set_exception(error)
        return future


class VirtualClock:
    """Keeps contracts.clock.Clock on the time of an event loop, by default the one that runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, start: float = START) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._start = start - self._loop.time()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._start + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Return after so many virtual seconds."""
        await asyncio.sleep(max(0.0, seconds))


def run_virtual(work: Awaitable[T], limit: float = LIMIT) -> T:
    """Run to the end on a virtual loop of its own.

    Raises TimeoutError after `limit` virtual seconds: at once in real time if all it does is wait for what never comes.
    """

    async def main() -> T:
        async with asyncio.timeout(limit):
            return await work

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
