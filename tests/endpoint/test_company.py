"""Clients that are kept company while they wait; against the real Envoy."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from skyserve.endpoint.translate.waiting import BODY_BYTES
from skyserve.endpoint.waiting import hall
from skyserve.model.endpoint import ConcurrencyLimit, EndpointSettings
from skyserve.model.key import KeyCount, KeyRule
from skyserve.model.route import Backend, Prospect, RouteTable
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


def new_key() -> tuple[dict[str, str], KeyRule]:
    """Headers with a key of priority 3 that may ask once a minute and has a budget, and what the endpoint knows."""
    key = f"sk-{'a' * 43}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    return {"authorization": f"Bearer {key}"}, KeyRule(1, digest, requests_per_minute=1, priority=3, has_budget=True)


@pytest.mark.parametrize("limit", [None, ConcurrencyLimit(1, 1, 60)])
async def test_with_a_key(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, limit: ConcurrencyLimit | None
) -> None:
    """Who has a key is kept company where one is required, and the key is looked at and counted once."""
    bearer, rule = new_key()
    settings = EndpointSettings(hold_seconds=300, require_key=True, concurrency=limit)
    table = await bench.serve([], settings=settings, keys=(rule,))
    async with client.stream("POST", url(table), headers={**ASKING, **bearer}, content=b"hello") as response:
        lines = response.aiter_lines()
        assert await anext(lines) == ": waiting for a replica"
        assert (await client.get(url(table), headers=ASKING)).status_code == 401
        a = await replica("a", events)
        await bench.change(table, backends=(Backend(1, a.address),))
        rest = [line async for line in lines if line.startswith("data")]

    assert rest == ["data: hello", "data: [DONE]"]
    (seen,) = a.seen
    assert not seen.headers.keys() & {"authorization", "x-skyserve-courier"}
    assert seen.headers["x-skyserve-priority"] == "3"
    # One token an event, since the stream tells no usage.
    await until(lambda: (bench.router.key_counts(table.service_id) or {}).get(1) == KeyCount(1, 2))


async def test_nobody_else_is_the_courier(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Whoever says to come from the controller, and cannot prove it, needs a key; where none is needed no replica hears
    of what was said."""
    a = await replica()
    table = await bench.serve([a], settings=EndpointSettings(hold_seconds=300, require_key=True))
    other = await bench.serve([a], settings=PATIENT)
    for claimed in ("", "x", 43 * "A"):
        headers = {"x-skyserve-courier": claimed}
        assert (await client.get(url(table), headers=headers)).status_code == 401
        assert (await client.get(url(other), headers=headers)).status_code == 200

    assert all("x-skyserve-courier" not in request.headers for request in a.seen)


async def test_at_a_gate_without_a_replica(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Where replicas take only so many at once clients are kept company too, and go on one by one, the urgent first."""
    there: list[str] = []

    async def one_by_one(request: Request, reply: Reply) -> None:
        there.append(request.target)
        assert bench.taken(table.service_id) == 1
        await events(request, reply)

    settings = EndpointSettings(hold_seconds=300, concurrency=ConcurrencyLimit(1, 10, 60))
    table = await bench.serve([], settings=settings)
    asked = []
    for number, priority in enumerate(("0", "0", "5")):
        headers = {**ASKING, "x-skyserve-priority": priority}
        asked.append(asyncio.create_task(client.get(url(table, f"/{number}"), headers=headers)))
        await until(lambda number=number: bench.waiting(table.service_id) == number + 1)  # type: ignore[misc]
    load = bench.router.load(table.service_id)
    assert load is not None
    assert load.held == 3
    a = await replica("a", one_by_one)
    await bench.change(table, backends=(Backend(1, a.address),))

    texts = [(await one).text for one in asked]
    assert all(text.startswith(": waiting for a replica\n\n") and "data: [DONE]" in text for text in texts)
    assert there == ["/2", "/0", "/1"]
    await until(lambda: bench.taken(table.service_id) == 0)


async def test_at_a_gate_with_busy_replicas(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Who waits for a place is kept company; who finds one free, or hangs up, costs none; one too many is told so."""
    release = asyncio.Event()

    async def busy(request: Request, reply: Reply) -> None:
        await release.wait()
        await events(request, reply)

    settings = EndpointSettings(hold_seconds=300, concurrency=ConcurrencyLimit(1, 1, 60))
    a = await replica("a", busy)
    table = await bench.serve([a], settings=settings)
    first = asyncio.create_task(client.get(url(table), headers=ASKING))
    await until(lambda: len(a.seen) == 1)
    async with client.stream("GET", url(table), headers=ASKING) as left:
        lines = left.aiter_lines()
        assert await anext(lines) == ": waiting for a replica"
        await until(lambda: bench.waiting(table.service_id) == 1)
    await until(lambda: bench.waiting(table.service_id) == 0)
    second = asyncio.create_task(client.get(url(table), headers=ASKING))
    await until(lambda: bench.waiting(table.service_id) == 1)
    assert (await client.get(url(table), headers=ASKING)).status_code == 429
    assert bench.taken(table.service_id) == len(a.seen) == 1
    release.set()

    assert (await first).text.startswith("data: ")
    assert (await second).text.startswith(": waiting")
    assert "data: [DONE]" in (await second).text
    await until(lambda: bench.taken(table.service_id) == 0)


BODY = 400 * b"x"


async def in_pieces() -> AsyncIterator[bytes]:
    """The body, without a word of its length."""
    yield BODY


async def begun(client: httpx.AsyncClient, table: RouteTable, number: int, *, announced: bool) -> list[httpx.Response]:
    """One after the other, so many clients that want company, each with the body. What they are told at once."""
    bodies = [BODY if announced else in_pieces() for _ in range(number)]
    requests = [client.build_request("POST", url(table), headers=ASKING, content=body) for body in bodies]
    return [await client.send(request, stream=True) for request in requests]


def statuses(responses: Sequence[httpx.Response]) -> list[int]:
    """In their order."""
    return [response.status_code for response in responses]


@pytest.mark.parametrize(
    ("announced", "most"),
    [
        pytest.param(True, 1000, id="of a known length"),
        pytest.param(False, 2 * BODY_BYTES, id="of an unknown length"),
    ],
)
async def test_bodies_at_a_gate_are_bounded(
    bench: Bench,
    replica: MakeReplica,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    announced: bool,
    most: int,
) -> None:
    """Where two bodies are all that may be kept, a third client is refused at once, in the words of a full waiting
    room; one that wants no company waits all the same. Whoever hangs up, or has been answered, leaves room for another.
    A body of unknown length counts as the longest."""
    monkeypatch.setattr(hall, "MOST_BYTES", most)
    release = asyncio.Event()

    async def busy(request: Request, reply: Reply) -> None:
        await release.wait()
        await events(request, reply)

    a = await replica("a", busy)
    settings = EndpointSettings(hold_seconds=300, concurrency=ConcurrencyLimit(1, 10, 60))
    table = await bench.serve([a], settings=settings)
    first = asyncio.create_task(client.get(url(table)))
    await until(lambda: len(a.seen) == 1)
    left, stays, refused = there = await begun(client, table, 3, announced=announced)
    assert statuses(there) == [200, 200, 503]
    error = json.loads(await refused.aread())["error"]
    assert (error["type"], error["code"]) == ("too_many_waiting", 503)
    assert error["message"].startswith(f"Too many requests wait for a replica of service '{table.name}' already.")
    assert int(refused.headers["retry-after"]) > 0
    await until(lambda: bench.waiting(table.service_id) == 2)
    await left.aclose()
    await until(lambda: bench.waiting(table.service_id) == 1)
    assert (await bench.router.traffic())[table.service_id].hold_waits.full == 1

    follows, refused = there = await begun(client, table, 2, announced=announced)
    assert statuses(there) == [200, 503]
    silent = asyncio.create_task(client.post(url(table), content=BODY))
    await until(lambda: bench.waiting(table.service_id) == 3)
    release.set()
    for one in (stays, follows):
        assert (await one.aread()).endswith(b"data: " + BODY + b"\n\ndata: [DONE]\n\n")
    assert statuses([await first, await silent]) == [200, 200]
    await until(lambda: bench.taken(table.service_id) == 0)

    release.clear()
    first = asyncio.create_task(client.get(url(table)))
    await until(lambda: len(a.seen) == 5)
    there = await begun(client, table, 3, announced=announced)
    assert statuses(there) == [200, 200, 503]
    release.set()
    assert [b"data: [DONE]" in await one.aread() for one in there] == [True, True, False]
    assert (await first).status_code == 200


async def test_bodies_of_those_who_were_released_count(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are kept until the answer has come, and there is no room for others so long."""
    monkeypatch.setattr(hall, "MOST_BYTES", 1000)
    release = asyncio.Event()

    async def busy(request: Request, reply: Reply) -> None:
        await release.wait()
        await events(request, reply)

    a = await replica("a", busy)
    table = await bench.serve([], settings=PATIENT)
    there = await begun(client, table, 2, announced=True)
    table = await bench.change(table, backends=(Backend(1, a.address),))
    await until(lambda: len(a.seen) == 2)
    await bench.told(table := await bench.change(table, backends=()))
    (refused,) = await begun(client, table, 1, announced=True)
    assert statuses([*there, refused]) == [200, 200, 503]

    release.set()
    assert [b"data: [DONE]" in await one.aread() for one in there] == [True, True]
    there = await begun(client, table, 3, announced=True)
    assert statuses(there) == [200, 200, 503]
    for one in there:
        await one.aclose()


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
