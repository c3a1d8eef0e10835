"""Clients that send very much, or make much work with little: the endpoint stays as it is, and others are served."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import h2.config
import h2.connection
import httpx
import pytest
import pytest_asyncio

from skyserve.endpoint import starting
from skyserve.endpoint.layout import Layout
from skyserve.endpoint.running import Running
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.place import Address
from skyserve.model.route import RouteTable
from tests.endpoint.bench import PATIENCE_SECONDS, Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.raw import connected, rest

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY_BYTES = 10**9
PART = b"x" * 2**20
GROWTH_BYTES = 128 * 2**20
"""More than is buffered on the way, and far less than the body."""
HEADERS, CONTINUATION = 1, 9  # RFC 9113, section 6


class Sink:
    """A replica that counts what it is sent, and answers with the number. Keeps nothing."""

    def __init__(self) -> None:
        self.taken = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            left = int(length[1]) if length else 0
            while left and (part := await reader.read(2**20)):
                left -= len(part)
                self.taken += len(part)
            answer = str(self.taken).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest_asyncio.fixture(loop_scope="module")
async def sink() -> AsyncIterator[tuple[Sink, Address]]:
    """It, and where it listens."""
    taker = Sink()
    server = await asyncio.start_server(taker.connected, "127.0.0.1", 0)
    yield taker, Address("127.0.0.1", server.sockets[0].getsockname()[1])
    server.close()


def resident_bytes(pid: int) -> int:
    """Memory that a process holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def huge(peak: list[int], pid: int) -> AsyncIterator[bytes]:
    """The body, in parts; notes how much memory the process has at each."""
    for _ in range(0, BODY_BYTES, len(PART)):
        peak.append(resident_bytes(pid))
        yield PART


async def test_huge_body_streams_through(bench: Bench, sink: tuple[Sink, Address], client: httpx.AsyncClient) -> None:
    """A body of 1 GB reaches its replica, and Envoy's memory does not grow by it."""
    taker, address = sink
    table = await bench.serve([address], health_path=None)
    await bench.accepted(table.service_id, 1)
    envoy = Running.recorded(Layout(bench.directory).process)
    assert envoy is not None
    peak = [resident_bytes(envoy.pid)]
    size = -(-BODY_BYTES // len(PART)) * len(PART)

    response = await client.post(
        url(table), content=huge(peak, envoy.pid), headers={"content-length": str(size), "connection": "close"}
    )

    assert int(response.text) == taker.taken == size
    assert max(peak) - peak[0] < GROWTH_BYTES


async def test_huge_body_is_refused(bench: Bench, sink: tuple[Sink, Address]) -> None:
    """Beyond max_request_bytes a body of 1 GB is refused before any of it is sent to a replica."""
    taker, address = sink
    table = await bench.serve([address], health_path=None, settings=EndpointSettings(max_request_bytes=10**6))
    await bench.accepted(table.service_id, 1)

    async with connected(table) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % BODY_BYTES)
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")

    assert taker.taken == 0


async def test_rapid_resets_are_ended(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A connection that opens streams only to reset them is closed; others are served."""
    table = await bench.serve([await replica()])
    speaker = _speaker()

    async with connected(table) as (reader, writer):
        closed = asyncio.create_task(rest(reader))
        for number in range(100_000):
            stream = 2 * number + 1
            speaker.send_headers(stream, _headers(table), end_stream=True)
            speaker.reset_stream(stream)
            await _flush(speaker, writer)
            if closed.done():
                break

        assert closed.done()
    assert (await client.get(url(table))).status_code == 200


async def test_endless_headers_are_ended(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A block of headers that goes on in frame after frame and never ends is given up; others are served."""
    table = await bench.serve([await replica()])
    speaker = _speaker()

    async with connected(table) as (reader, writer):
        closed = asyncio.create_task(rest(reader))
        await _flush(speaker, writer)
        writer.write(_frame(HEADERS, speaker.encoder.encode(_headers(table))))
        junk = _frame(CONTINUATION, b"\x00\x01a\x7f\x81\x07" + b"y" * 262)  # a: 262 times y, not to be remembered
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not closed.done():
                writer.write(junk)
                await _drained(writer)
                await asyncio.sleep(0)

    assert (await client.get(url(table))).status_code == 200


async def test_connections_have_a_limit(
    tmp_path: Path, replica: MakeReplica, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections above the limit are closed at once; those below it are served, and one that ends makes room."""
    monkeypatch.setattr(starting, "connection_limit", lambda files: 5)
    bench = Bench(tmp_path)
    try:
        await bench.router.start([])
        table = await bench.serve([await replica()])
        held = [await asyncio.open_connection("127.0.0.1", table.port) for _ in range(8)]
        turned_away: list[int] = []

        async def watch(number: int, reader: asyncio.StreamReader) -> None:
            await rest(reader)
            turned_away.append(number)

        watchers = [asyncio.create_task(watch(n, reader)) for n, (reader, _) in enumerate(held)]
        # Or more: the connection that asked whether anybody listens may still count.
        await until(lambda: len(turned_away) >= 3)
        kept = next(n for n in range(8) if n not in turned_away)
        watchers[kept].cancel()
        await asyncio.wait([watchers[kept]])
        reader, writer = held[kept]
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        for other in watchers:
            other.cancel()
        await asyncio.wait(watchers)
        for _, writer in held:
            writer.transport.abort()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await _served(client, table):  # noqa: ASYNC110 - what is awaited is another process
                await asyncio.sleep(0.05)
    finally:
        await bench.router.shut_down()


async def _served(client: httpx.AsyncClient, table: RouteTable) -> bool:
    try:
        return (await client.get(url(table))).status_code == 200
    except httpx.TransportError:
        return False


def _speaker() -> h2.connection.H2Connection:
    speaker = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    speaker.initiate_connection()
    return speaker


def _headers(table: RouteTable) -> list[tuple[str, str]]:
    return [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", f"127.0.0.1:{table.port}")]


def _frame(kind: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, 0]) + (1).to_bytes(4, "big") + payload


async def _flush(speaker: h2.connection.H2Connection, writer: asyncio.StreamWriter) -> None:
    writer.write(speaker.data_to_send())
    await _drained(writer)


async def _drained(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.drain()
    except ConnectionError:
        await asyncio.sleep(0.01)  # the reader is told too
