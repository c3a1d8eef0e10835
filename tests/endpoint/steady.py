"""Requests that go on, one after the other, while a test changes something."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.endpoint.bench import until


class Steady:
    """What became of them so far."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()

    async def more(self, count: int) -> None:
        """Return once so many more were answered."""
        seen = self.statuses.total()
        await until(lambda: self.statuses.total() > seen + count)


@asynccontextmanager
async def steady(client: httpx.AsyncClient, url: str, clients: int = 4) -> AsyncIterator[Steady]:
    """So many clients post until the end of the block."""
    result, over = Steady(), asyncio.Event()

    async def ask() -> None:
        while not over.is_set():
            result.statuses[(await client.post(url, content=b"{}")).status_code] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(ask())
        yield result
        over.set()
