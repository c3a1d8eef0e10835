"""How long it takes to connect to a replica: the way there and back, whatever its server is busy with."""

import asyncio
import time

from skyserve.model.place import Address


class Stopwatch:
    """Hears from httpx what becomes of a request, and times its first connection."""

    def __init__(self) -> None:
        self._began = 0.0
        self.seconds: float | None = None
        """None: no connection was made."""

    async def __call__(self, event: str, _: object) -> None:
        """One event, by httpcore's name for it."""
        if event == "connection.connect_tcp.started":
            self._began = time.monotonic()
        elif event == "connection.connect_tcp.complete" and self.seconds is None:
            self.seconds = time.monotonic() - self._began


async def trip(address: Address) -> float | None:
    """Connect, and hang up at once. None: that cannot be done."""
    began = time.monotonic()
    try:
        _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return None
    seconds = time.monotonic() - began
    writer.close()
    return seconds
