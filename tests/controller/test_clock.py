"""The clock of production and the virtual one of tests."""

import asyncio
import threading
import time

import pytest

from skyserve.contracts.clock import Clock
from skyserve.controller.clock import SystemClock
from skyserve.sim.virtual import START, VirtualClock, run_virtual
from tests.virtual import virtual


async def test_the_system_clock_is_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Now is what the wall clock says, until somebody sets that; and a sleep of nothing or less returns."""
    clock: Clock = SystemClock()
    began = time.time()
    assert clock.now() == pytest.approx(began, abs=1)
    monkeypatch.setattr(time, "time", lambda: began - 3600)
    assert clock.now() == pytest.approx(began, abs=1)
    await clock.sleep(-5)


@virtual
async def test_a_day_passes_exactly() -> None:
    """Timers fire at their virtual moment, in order, with nothing added."""
    clock: Clock = VirtualClock()
    seen: list[tuple[str, float]] = []

    async def every(name: str, seconds: float, times: int) -> None:
        for _ in range(times):
            await clock.sleep(seconds)
            seen.append((name, clock.now() - START))

    await asyncio.gather(every("hour", 3600, 24), every("half day", 43200, 2))
    assert seen[:2] == [("hour", 3600), ("hour", 7200)]
    assert [at for name, at in seen if name == "half day"] == [43200, 86400]
    assert clock.now() == START + 86400


@virtual
async def test_what_is_for_a_thread_is_done_at_once() -> None:
    """It takes no virtual time, begins no thread, and its errors reach whoever awaits it."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(3600):
        assert await asyncio.to_thread(threading.get_ident) == threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
    assert loop.time() == 0


def test_a_loop_that_never_ends_is_cut() -> None:
    """A test that waits beside a periodic task is ended by the limit of virtual time, at once in real time."""

    async def forever() -> None:
        clock = VirtualClock()
        while True:
            await clock.sleep(10)

    with pytest.raises(TimeoutError):
        run_virtual(forever(), limit=86400)


def test_a_stuck_test_is_cut() -> None:
    """Waiting for what nothing will bring ends by the limit too, instead of hanging."""

    async def stuck() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError):
        run_virtual(stuck())


def test_a_result_comes_back() -> None:
    """run_virtual returns what the coroutine returns, and errors pass through."""

    async def answer(value: int) -> int:
        await asyncio.sleep(1e6)
        return 1 // value

    assert run_virtual(answer(1)) == 1
    with pytest.raises(ZeroDivisionError):
        run_virtual(answer(0))
