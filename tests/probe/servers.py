"""Replicas of every temper: real servers on loopback that answer as a script says."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from skyserve.model.place import Address
from tests.claims import ports

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
"""Gets the request as it was sent, with its body, and writes what it likes."""


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)


@asynccontextmanager
async def replica(
    answer: Answer, host: str = "127.0.0.1", listens: bool = True, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Address]:
    """A server that reads one request a connection and lets `answer` reply, then closes. With `tls` it speaks https.

    One that does not listen answers an empty request at once.
    """

    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await answer(await _request(reader) if listens else b"", writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the prober has gone, as it may
        finally:
            writer.close()

    server = await _listen(serve, host, tls)
    try:
        yield Address(host, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _listen(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    host: str,
    tls: ssl.SSLContext | None,
) -> asyncio.Server:
    for port in ports():
        try:
            return await asyncio.start_server(serve, host, port, ssl=tls)
        except OSError:
            continue
    raise AssertionError(f"no port of {ports()} is free")


def says(text: str) -> Answer:
    """Always the same raw answer."""

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(text.replace("\n", "\r\n").encode("latin-1"))

    return answer
