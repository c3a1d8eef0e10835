"""Virtual time: an event loop that jumps to the next timer when nothing is left to do, so that tests run hours in
milliseconds.

Only for a world of fakes: the loop cannot know that a peer behind a socket or a process is still at work, and would
jump past it. Work in threads is waited for where the loop can see it: `run_in_executor` and `asyncio.to_thread` by
themselves, anything else (a database driver with threads of its own) within `real_work()` or behind `Patient`.
"""

import asyncio
import functools
import inspect
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, Unpack

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START = 1_700_000_000.0
"""The virtual clock's first moment, seconds since the epoch; a round number that is easy to add to."""
LIMIT = 366 * 86400.0
"""Virtual seconds after which a test that has not ended is taken to run, or to wait, for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """Where the loop would wait for its next timer, moves the time there instead."""

    now = 0.0
    working = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer to jump to: only something real can wake the loop
            return super().select(None)
        if timeout > 0 and self.working:
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

    @contextmanager
    def real_work(self) -> Iterator[None]:
        """Hold the time while something outside the loop is at work that will wake it when done."""
        self._jumping.working += 1
        try:
            yield
        finally:
            self._jumping.working -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As ever, with the time held until the function has returned."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.working += 1

        def done(_: asyncio.Future[T]) -> None:
            self._jumping.working -= 1

        future.add_done_callback(done)
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


class Patient:
    """Stands before an object whose coroutine methods work in threads, and holds the time while they do."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(method):
            return method

        @functools.wraps(method)
        async def call(*args: Any, **kwargs: Any) -> Any:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            with loop.real_work():
                return await method(*args, **kwargs)

        return call


def run_virtual(work: Awaitable[T], limit: float = LIMIT) -> T:
    """Run to the end on a virtual loop of its own.

    Raises TimeoutError after `limit` virtual seconds: at once in real time if all it does is wait for what never comes.
    """

    async def main() -> T:
        async with asyncio.timeout(limit):
            return await work

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Decorator of an async test: run it on virtual time. Its fixtures must not be async."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(test(*args, **kwargs))

    return run
