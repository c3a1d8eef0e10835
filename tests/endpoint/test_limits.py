"""Clients that ask for too much, too slowly, or for what no client should."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from skyserve.endpoint.translate import limits
from skyserve.model.endpoint import EndpointSettings
from tests.endpoint.bench import Bench, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.raw import answer_to, connected, rest
from tests.endpoint.replica import Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEAD = b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
SECOND = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [{"x-long": "y" * (limits.HEADER_KIB + 1) * 1024}, {f"x-{n}": "y" for n in range(limits.HEADERS + 1)}],
    ids=["large", "many"],
)
async def test_oversized_headers_are_refused(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """Headers that are too large or too many are answered 431, in JSON, and reach no replica."""
    server = await replica()
    table = await bench.serve([server])

    response = await client.get(url(table), headers=headers)

    assert response.status_code == 431
    assert response.json()["error"]["code"] == 431
    assert server.seen == []


SMUGGLED = {
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 70\r\n\r\n0\r\n\r\n" + SECOND,
    "two lengths": b"Content-Length: 0\r\nContent-Length: 37\r\n\r\n" + SECOND,
    "a list of lengths": b"Content-Length: 0, 37\r\n\r\n" + SECOND,
    "a signed length": b"Content-Length: +0\r\n\r\n" + SECOND,
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SECOND,
    "a coding twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SECOND,
    "a space before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "a folded header": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SECOND,
    "a NUL": b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a chunk without a size": b"Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n" + SECOND,
    "a chunk larger than any": b"Transfer-Encoding: chunked\r\n\r\n1" + b"0" * 17 + b"\r\n" + SECOND,
}


@pytest.mark.parametrize("body", SMUGGLED.values(), ids=SMUGGLED.keys())
async def test_smuggling_is_refused(bench: Bench, replica: MakeReplica, body: bytes) -> None:
    """A request that has two ends, or none that is sure, is refused, and what stands behind it is not a request."""
    server = await replica()
    table = await bench.serve([server])

    answer = await answer_to(table, HEAD + body)

    assert b"200 OK" not in answer
    assert not answer or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert "/smuggled" not in [request.target for request in server.seen]


async def test_a_bare_cr_ends_no_header(bench: Bench, replica: MakeReplica) -> None:
    """What follows a CR without LF stays a part of the header that it stands in."""
    server = await replica()
    table = await bench.serve([server])

    await answer_to(table, HEAD + b"X: a\rTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n")

    [seen] = server.seen
    assert "transfer-encoding" not in seen.headers
    assert seen.headers["x"].startswith("a")


async def test_lookalike_headers_are_dropped(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A header that some servers take for another one does not pass."""
    server = await replica()
    table = await bench.serve([server])

    await client.get(url(table), headers={"x_forwarded_for": "1.2.3.4", "x-mine": "kept"})

    assert "x_forwarded_for" not in server.seen[0].headers
    assert server.seen[0].headers["x-mine"] == "kept"


@pytest.mark.parametrize("path", ["/a/../b", "/a//b", "/a%2Fb", "/a%2e%2e/b", "/%5c", "/v1/models/org%2Fname?x=%00"])
async def test_paths_pass_as_they_are(bench: Bench, replica: MakeReplica, path: str) -> None:
    """The endpoint decides nothing by the path, and changes nothing in it."""
    server = await replica()
    table = await bench.serve([server])

    await answer_to(table, b"GET " + path.encode() + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert [request.target for request in server.seen] == [path]


async def test_slow_headers_are_given_up(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sends headers a byte at a time is told 408 and hung up on; others are served meanwhile."""
    monkeypatch.setattr(limits, "HEADERS_SECONDS", 1.0)
    server = await replica()
    table = await bench.serve([server])

    async with connected(table) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n")
        answer = asyncio.create_task(rest(reader))
        while not answer.done():
            writer.write(b"x")
            assert (await client.get(url(table))).status_code == 200
            await asyncio.wait([answer], timeout=0.1)

    assert (await answer).startswith(b"HTTP/1.1 408 ")


async def test_slow_bodies_are_given_up(bench: Bench, replica: MakeReplica, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not come to its end is given up in the end, at the replica too."""
    monkeypatch.setattr(limits, "BODY_SECONDS", 1.0)
    server = await replica()
    table = await bench.serve([server])

    answer = await answer_to(table, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nx")

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"type":"request_timeout"' in answer
    assert server.seen == []


async def test_clients_that_do_not_read_are_given_up(
    bench: Bench, replica: MakeReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks for much and takes nothing is hung up on, and its replica is free again."""
    monkeypatch.setattr(limits, "SLOW_READER_SECONDS", 2.0)
    free = asyncio.Event()

    async def endless(request: Request, reply: Reply) -> None:
        await reply.begin("text/plain")
        try:
            while True:
                await reply.chunk(b"x" * 2**16)
        finally:
            free.set()

    table = await bench.serve([await replica("a", endless)])

    async with connected(table) as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(60):
            await free.wait()


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_bodies_have_a_limit(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, chunked: bool
) -> None:
    """A body above max_request_bytes is answered 413, whether it says its length or not; the limit may change."""
    server = await replica()
    table = await bench.serve([server], settings=EndpointSettings(max_request_bytes=100_000))

    async def post(size: int) -> httpx.Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(0, size, 1000):
                yield b"x" * 1000

        return await client.post(url(table), content=parts() if chunked else b"x" * size)

    assert (await post(100_000)).status_code == 200
    refused = await post(101_000)
    assert refused.status_code == 413
    assert refused.json()["error"]["type"] == "request_too_large"
    assert [len(request.body) for request in server.seen] == [100_000]

    await bench.change(table, settings=EndpointSettings())
    async with asyncio.timeout(60):
        while (await post(101_000)).status_code != 200:
            pass
