"""Calls of what users wrote end in time, and do not add up."""

import asyncio
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import pytest

from skyserve.controller.bounded import Bounded


def test_it_gives_what_the_function_gives() -> None:
    """What it returns, and what it raises."""
    assert Bounded(divmod, 60)(7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        Bounded(divmod, 60)(7, 0)


def _cancelled() -> NoReturn:
    raise asyncio.CancelledError


def _interrupted() -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize("function", [sys.exit, _cancelled, _interrupted])
def test_nothing_ends_whoever_asks(function: Callable[[], NoReturn]) -> None:
    """What would end a process or cancel a task is an error like any other."""
    with pytest.raises(RuntimeError, match=r"SystemExit|CancelledError|KeyboardInterrupt"):
        Bounded(function, 60)()


def test_one_that_hangs_is_not_begun_again_until_it_has_ended() -> None:
    """However often it is asked, there is one thread. Once that has ended it is asked anew; no answer is late."""
    go_on, begun = threading.Event(), list[threading.Thread]()

    def hang(number: int) -> int:
        begun.append(threading.current_thread())
        go_on.wait()
        return number

    bounded = Bounded(hang, 0.05)
    for number in range(5):
        with pytest.raises(TimeoutError, match=r"no answer for 0\.05 s"):
            bounded(number)
    (thread,) = begun
    assert thread.daemon  # else the process would wait for it at its end
    go_on.set()
    thread.join()
    answer = None
    while answer is None:  # a busy machine may take longer than that
        with suppress(TimeoutError):
            answer = bounded(5)
    assert answer == 5
