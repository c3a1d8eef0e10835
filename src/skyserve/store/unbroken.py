"""Transactions that a cancellation does not cut in two.

A driver whose call is abandoned midway can leave its connection holding the database's lock, where no later
rollback reaches it. A transaction takes milliseconds, and so does each that comes before it: who is cancelled waits
until it has ended, then is cancelled.
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def unbroken(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Decorator: once begun, the coroutine runs to its end, and a cancellation takes effect after it."""

    @functools.wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(function(*args, **kwargs))
        cancelled: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            task.exception()  # seen: nobody is left to be told of it
            raise cancelled
        return task.result()

    return run
