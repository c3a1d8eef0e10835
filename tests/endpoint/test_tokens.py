"""Tokens of answers, counted by API key at a real Envoy."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from skyserve.model.key import KeyCount, KeyRule
from skyserve.model.route import RouteTable
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Handler, Reply, Request
from tests.endpoint.test_keys import REQUIRED, bearer, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


def usage(total: int) -> dict[str, int]:
    """As OpenAI's API tells it."""
    return {"prompt_tokens": total - 1, "completion_tokens": 1, "total_tokens": total}


def answering(body: bytes, content_type: str = "application/json") -> Handler:
    """A whole answer."""

    async def answer(_: Request, reply: Reply) -> None:
        await reply.send(200, body, {"content-type": content_type})

    return answer


def streaming(*chunks: bytes) -> Handler:
    """A stream of events, in these chunks."""

    async def answer(_: Request, reply: Reply) -> None:
        await reply.begin("text/event-stream; charset=utf-8")
        for chunk in chunks:
            await reply.chunk(chunk)
        await reply.chunk(b"")

    return answer


def event(content: dict[str, object]) -> bytes:
    """One event."""
    return b"data: " + json.dumps(content).encode() + b"\n\n"


async def counted(bench: Bench, table: RouteTable, rule: KeyRule, requests: int) -> int:
    """Tokens of the key, once so many requests are counted."""

    def count() -> KeyCount:
        return (bench.router.key_counts(table.service_id) or {}).get(rule.id, KeyCount())

    await until(lambda: count().requests == requests)
    return count().tokens


TOLD = event({"choices": [{"delta": {"content": "x"}}]})
QUOTING = json.dumps({"text": json.dumps({"usage": usage(5)}), "usage": usage(6)}).encode()
BIG = json.dumps({"data": [{"embedding": [0.123456] * 150_000}] * 8, "usage": usage(99)}).encode()

ANSWERS = {
    "json": (answering(json.dumps({"choices": [], "usage": usage(7)}).encode()), 7),
    "many megabytes": (answering(BIG), 99),
    "usage first": (answering(json.dumps({"usage": usage(3), "padding": "x" * 3_000_000}).encode()), 3),
    "quoted in a text": (answering(QUOTING), 6),
    "messages": (answering(json.dumps({"usage": {"input_tokens": 20, "output_tokens": 5}}).encode()), 25),
    "no usage": (answering(b'{"models": []}'), 0),
    "no json": (answering(json.dumps({"usage": usage(7)}).encode(), "text/plain"), 0),
    "stream": (streaming(TOLD, TOLD, event({"choices": [], "usage": usage(40)}), b"data: [DONE]\n\n"), 40),
    "stream, in pieces": (streaming(*(bytes([b]) for b in event({"usage": usage(41)}) + b"data: [DONE]\n\n")), 41),
    "stream, running total": (streaming(*(event({"usage": usage(n)}) for n in (5, 6, 7)), b"data: [DONE]\n\n"), 7),
    "stream without usage": (streaming(*[TOLD] * 100), 100),
    "stream with null": (streaming(*[event({"usage": None})] * 3, event({"usage": usage(9)})), 9),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_tokens(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, name: str) -> None:
    """Tokens are those that the answer tells, in JSON of any size or in a stream cut anywhere; a stream that does not
    tell counts its events. The client gets what the replica sent."""
    handler, tokens = ANSWERS[name]
    key, rule = new_key(has_budget=True)
    table = await bench.serve([await replica("a", handler)], settings=REQUIRED, keys=[rule])
    direct = await client.get(f"http://{table.backends[0].address}/")

    answer = await client.get(url(table), headers=bearer(key))

    assert answer.content == direct.content
    assert await counted(bench, table, rule, 1) == tokens


async def test_nothing_is_held_back(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Events and pieces of JSON come through at once, and those of a client that hangs up are counted."""
    for content_type in ("text/event-stream", "application/json"):
        seen = asyncio.Event()

        async def answer(_: Request, reply: Reply, kind: str = content_type, seen: asyncio.Event = seen) -> None:
            await reply.begin(kind)
            await reply.chunk(TOLD)
            await seen.wait()

        key, rule = new_key(has_budget=True)
        table = await bench.serve([await replica("a", answer)], settings=REQUIRED, keys=[rule])
        async with client.stream("GET", url(table), headers=bearer(key)) as stream:
            chunks: AsyncIterator[bytes] = stream.aiter_raw()
            assert await anext(chunks) == TOLD
        seen.set()
        assert await counted(bench, table, rule, 1) == (1 if content_type == "text/event-stream" else 0)


async def test_compressed_answers(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A replica is not asked for a compressed answer, which would hide the tokens."""

    async def answer(request: Request, reply: Reply) -> None:
        body, coded = json.dumps({"usage": usage(8)}).encode(), "gzip" in request.headers.get("accept-encoding", "")
        await reply.send(
            200,
            gzip.compress(body) if coded else body,
            {"content-type": "application/json"} | ({"content-encoding": "gzip"} if coded else {}),
        )

    key, rule = new_key(has_budget=True)
    table = await bench.serve([await replica("a", answer)], settings=REQUIRED, keys=[rule])

    assert (await client.get(url(table), headers=bearer(key))).json() == {"usage": usage(8)}
    assert await counted(bench, table, rule, 1) == 8


async def test_where_no_key_has_a_budget(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Tokens are not counted, and answers may be compressed: it would cost without being of use."""
    a = await replica("a")
    key, rule = new_key()
    table = await bench.serve([a], settings=REQUIRED, keys=[rule])

    await client.get(url(table), headers=bearer(key) | {"accept-encoding": "gzip"})

    assert a.seen[0].headers["accept-encoding"] == "gzip"
    assert await counted(bench, table, rule, 1) == 0
