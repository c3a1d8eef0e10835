"""Waiting for what nobody announces."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 60.0
"""Seconds after which a test gives up; far above what anything takes on a loaded machine."""


async def until(
    condition: Callable[[], Awaitable[bool]], otherwise: Callable[[], str] = lambda: "it never was"
) -> None:
    """Return once the condition holds. Raises AssertionError with what `otherwise` says."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await condition():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(otherwise()) from None
