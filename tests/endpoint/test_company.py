"""Clients that are kept company while they wait; against the real Envoy."""

import asyncio
import hashlib
import json

import httpx
import pytest

from skyserve.model.endpoint import EndpointSettings
from skyserve.model.key import KeyRule
from skyserve.model.route import Backend, Prospect
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENT = EndpointSettings(hold_seconds=300)
ASKING = {"accept": "text/event-stream", "x-skyserve-keepalive": "1"}


async def events(request: Request, reply: Reply) -> None:
    """A short stream."""
    await reply.begin("text/event-stream")
    for word in (b"data: " + request.body + b"\n\n", b"data: [DONE]\n\n", b""):
        await reply.chunk(word)


async def test_comments_come_until_the_replica_answers(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """The client reads comments, then the replica's own events; the replica gets the request as it was."""
    table = await bench.serve([], settings=PATIENT)
    async with client.stream("POST", url(table, "/chat?x=1"), headers=ASKING, content=b"hello") as response:
        lines = response.aiter_lines()
        told = [await anext(lines) for _ in range(4)]
        a = await replica("a", events)
        await bench.change(table, backends=(Backend(1, a.address),))
        rest = [line async for line in lines]

    assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")
    assert told == [": waiting for a replica", ""] * 2
    assert [line for line in rest if line.startswith("data")] == ["data: hello", "data: [DONE]"]
    (seen,) = a.seen
    assert (seen.method, seen.target, seen.body) == ("POST", "/chat?x=1", b"hello")
    assert "x-skyserve-keepalive" not in seen.headers
    assert seen.headers["host"] == f"127.0.0.1:{table.port}"


async def test_the_request_reaches_the_replica_to_the_letter(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """Bytes beyond ASCII in a header, and a path that could be written otherwise, come as the client wrote them."""
    table = await bench.serve([], settings=PATIENT)
    path, word = "/a%2Fb/../c//d?x=%7e", "\u00e9"
    headers = [(name.encode(), value.encode()) for name, value in {**ASKING, "x-name": word}.items()]
    asked = asyncio.create_task(client.get(url(table), headers=headers, extensions={"target": path.encode()}))
    await until(lambda: (load := bench.router.load(table.service_id)) is not None and load.held == 1)
    a = await replica("a", events)
    await bench.change(table, backends=(Backend(1, a.address),))
    assert "data: [DONE]" in (await asked).text
    (seen,) = a.seen
    assert (seen.target, seen.headers["x-name"]) == (path, word)


async def test_with_a_key_there_is_silence(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Where keys are required nobody is kept company: the request waits as others do, and a replica answers."""
    key = f"sk-{'a' * 43}"
    rule = KeyRule(1, hashlib.sha256(key.encode()).hexdigest())
    settings = EndpointSettings(hold_seconds=300, require_key=True)
    table = await bench.serve([], settings=settings, keys=(rule,))
    asked = asyncio.create_task(client.get(url(table), headers={**ASKING, "authorization": f"Bearer {key}"}))
    await until(lambda: (load := bench.router.load(table.service_id)) is not None and load.held == 1)
    await bench.change(table, backends=(Backend(1, (await replica("a", events)).address),))
    assert (await asked).text.startswith("data: ")


async def test_errors_come_as_events(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """What the replica refuses, and that none comes, is told within the stream, which then ends."""

    async def refuse(request: Request, reply: Reply) -> None:
        await reply.send(422, b'{"error": {\n"message": "no"}}', {"content-type": "application/json"})

    table = await bench.serve([], settings=PATIENT)
    asked = asyncio.create_task(client.get(url(table), headers=ASKING))
    await until(lambda: (load := bench.router.load(table.service_id)) is not None and load.held == 1)
    table = await bench.change(table, backends=(Backend(1, (await replica("a", refuse)).address),))
    assert (await asked).text.endswith('data: {"error": {"message": "no"}}\n\n')

    await bench.told(await bench.change(table, backends=()))
    asked = asyncio.create_task(client.get(url(table), headers=ASKING))
    await until(lambda: (load := bench.router.load(table.service_id)) is not None and load.held == 1)
    await bench.change(table, backends=(), prospect=Prospect(hopeless="launching stopped"))
    last = (await asked).text.split("\n\n")[-2]
    assert json.loads(last.removeprefix("data: "))["error"]["type"] == "no_ready_replica"


async def test_who_did_not_ask_is_left_alone(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Without the header, or without the will to read events, an answer begins when the replica's does."""
    table = await bench.serve([], settings=PATIENT)
    asked = [
        asyncio.create_task(client.get(url(table), headers={**ASKING, name: value}))
        for name, value in (("accept", "application/json"), ("x-skyserve-keepalive", "soon"))
    ]
    await until(lambda: (load := bench.router.load(table.service_id)) is not None and load.held == 2)
    await bench.change(table, backends=(Backend(1, (await replica("a")).address),))
    assert [(await one).json()["replica"] for one in asked] == ["a", "a"]
