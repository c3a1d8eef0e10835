"""Kills a controller at a chosen crossing between it and the world, as kill -9 would: before a call has its effect,
or after it had it and before the reply is read. From then on that controller touches nothing any more."""

import asyncio
import functools
import inspect
from typing import Any


class Gate:
    """Counts the crossings of one controller, and closes for ever at the chosen one."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        """`at`: the crossing, from 1; None: never. `after`: let that one call have its effect."""
        self._at = at
        self._after = after
        self.crossings = 0
        self.closed = asyncio.Event()
        self.name = ""
        """The call at which it closed."""

    async def cross(self, name: str, call: Any) -> Any:
        """Make the call, unless the gate is closed."""
        if self.closed.is_set():
            await _never()
        self.crossings += 1
        chosen = self.crossings == self._at
        if chosen and not self._after:
            await self._close(name)
        result = await call()
        if chosen and not self.closed.is_set():
            await self._close(name)
        if self.closed.is_set():
            await _never()
        return result

    async def _close(self, name: str) -> None:
        self.name = name
        self.closed.set()
        await _never()


async def _never() -> None:
    await asyncio.Future()


class Fragile:
    """Stands before an adapter, so that each of its coroutines is a crossing."""

    def __init__(self, inner: Any, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "shell":
            return lambda *args, **kwargs: Fragile(found(*args, **kwargs), self._gate)
        if not inspect.iscoroutinefunction(found):
            return found

        @functools.wraps(found)
        async def crossing(*args: Any, **kwargs: Any) -> Any:
            return await self._gate.cross(f"{type(self._inner).__name__}.{name}", lambda: found(*args, **kwargs))

        return crossing
