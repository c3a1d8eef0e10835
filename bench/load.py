"""A steady load of HTTP requests: so many a second, whatever the answers take, each one accounted for."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(slots=True)
class Outcome:
    """One request."""

    at: float
    """When it was due (seconds since the load began)."""
    seconds: float
    """From due to answered whole."""
    result: str
    """`200`, another status, or what went wrong."""


@dataclass(slots=True)
class Report:
    """All requests of one load."""

    outcomes: list[Outcome] = field(default_factory=list)

    def failed(self, *, since: float = 0.0, until: float = float("inf")) -> list[Outcome]:
        """Those due in that time that were not answered with 200."""
        return [o for o in self.outcomes if o.result != "200" and since <= o.at < until]

    def percentile(self, share: float) -> float:
        """Latency in seconds, of the requests that were answered."""
        times = sorted(o.seconds for o in self.outcomes if o.result == "200")
        return times[min(len(times) - 1, int(share * len(times)))] if times else float("nan")

    def summary(self) -> str:
        """One line."""
        results = Counter(o.result for o in self.outcomes)
        bad = ", ".join(f"{count} x {what}" for what, count in results.items() if what != "200")
        return (
            f"{len(self.outcomes)} requests, {len(self.failed())} failed{f' ({bad})' if bad else ''}; "
            f"p50 {self.percentile(0.5) * 1e3:.1f} ms, p99 {self.percentile(0.99) * 1e3:.1f} ms, "
            f"max {self.percentile(1.0) * 1e3:.0f} ms"
        )


class SteadyLoad:
    """GET requests over kept connections, at a fixed rate. Latency counts from when a request was due, so that a
    stall is seen by every request that it delays."""

    def __init__(self, url: str, per_second: float, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
        self._interval = 1.0 / per_second
        self._timeout = timeout
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._began = 0.0
        self.report = Report()

    def now(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self._began

    async def run(self, seconds: float) -> Report:
        """Send for so long, then wait for the answers that are due."""
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(seconds / self._interval)):
                due = number * self._interval
                await asyncio.sleep(max(0.0, due - self.now()))
                group.create_task(self._one(due))
        for _, writer in self._idle:
            writer.close()
        return self.report

    async def _one(self, due: float) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                result = await self._ask()
        except TimeoutError:
            result = "timeout"
        except (OSError, asyncio.IncompleteReadError) as error:
            result = type(error).__name__
        self.report.outcomes.append(Outcome(due, self.now() - due, result))

    async def _ask(self) -> str:
        async with self._connection() as (reader, writer):
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            await _read_body(reader, head.lower())
            return head.split(b" ", 2)[1].decode()

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                break
            writer.close()
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            yield reader, writer
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"content-length:" in head:
        await reader.readexactly(int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
    elif b"transfer-encoding: chunked" in head:
        while size := int((await reader.readuntil(b"\r\n")).strip() or b"0", 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
