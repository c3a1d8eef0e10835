"""The crossings between a controller and the world: every call of an adapter is one, and at each of them the controller
may die as by kill -9, before the call has its effect, or after it had it and before the reply is read. From then on
that controller touches nothing any more."""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

Call = Callable[[], Awaitable[Any]]


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
        self._never = asyncio.Event()

    async def cross(self, name: str, call: Call) -> Any:
        """Make the call, unless the gate is closed."""
        if self.closed.is_set():
            await self._never.wait()
        self.crossings += 1
        number = self.crossings
        if self.kills(name, number, after=False):
            await self._close(name)
        result = await self.make(name, call)
        if not self.closed.is_set() and self.kills(name, number, after=True):
            await self._close(name)
        if self.closed.is_set():
            await self._never.wait()
        return result

    def kills(self, name: str, number: int, *, after: bool) -> bool:
        """Whether the controller dies at this crossing. `name`: `store.commit`, `infra.launch`, ..."""
        return number == self._at and after == self._after

    async def make(self, name: str, call: Call) -> Any:
        """The call itself."""
        return await call()

    async def _close(self, name: str) -> None:
        self.name = name
        self.closed.set()
        await self._never.wait()


class Fragile:
    """Stands before an adapter, so that each of its coroutines is a crossing."""

    def __init__(self, inner: Any, gate: Gate, role: str) -> None:
        """`role`: what the adapter is called in the names of crossings."""
        self._inner = inner
        self._gate = gate
        self._role = role

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "shell":
            return lambda *args, **kwargs: Fragile(found(*args, **kwargs), self._gate, "shell")
        if not inspect.iscoroutinefunction(found):
            return found
        crossed = f"{self._role}.{name}"

        @functools.wraps(found)
        async def crossing(*args: Any, **kwargs: Any) -> Any:
            return await self._gate.cross(crossed, lambda: getattr(self._inner, name)(*args, **kwargs))

        setattr(self, name, crossing)  # what kind of attribute it is, is asked but once
        return crossing
