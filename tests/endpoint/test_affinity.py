"""Requests that belong together meet the same replica: prefix_affinity and session_affinity against the real Envoy."""

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest

from skyserve.model.affinity import Affinity
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Replica, Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOKED_AT = 2**17
"""Bytes of a body: HEAD_BYTES of prompt.h."""
PREFIX, SESSION = LoadBalancingPolicy.PREFIX_AFFINITY, LoadBalancingPolicy.SESSION_AFFINITY


def chat(*contents: str) -> dict[str, Any]:
    """A conversation in which the user and the assistant take turns."""
    roles = ("user", "assistant")
    return {"model": "m", "messages": [{"role": roles[n % 2], "content": text} for n, text in enumerate(contents)]}


async def named(client: httpx.AsyncClient, table: RouteTable, method: str = "POST", **request: Any) -> str:
    """Which replica answers."""
    response = await client.request(method, url(table, "/v1/chat/completions"), **request)
    return str(response.raise_for_status().json()["replica"])


async def test_turns_of_a_conversation_meet(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Each conversation stays with one replica, and many conversations use them all."""
    table = await bench.serve([await replica(name) for name in "abcd"], PREFIX)
    met = Counter[str]()
    for number in range(60):
        turns = [f"question {number}", "answer", "and then?"]
        [one] = {await named(client, table, json=chat(*turns[: n + 1])) for n in range(3)}
        met[one] += 1

    assert sum(met.values()) == 60
    assert len(met) == 4  # none of four is left out but once in ten million


async def test_what_has_no_prompt_is_spread(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Requests without a prompt go to all replicas, and their bodies arrive as they are."""
    servers = [await replica(name) for name in "abc"]
    table = await bench.serve(servers, PREFIX)
    packed = gzip.compress(b"x" * 3000)

    for _ in range(20):
        await named(client, table, "GET")
        await named(client, table, content=b"{}", headers={"content-type": "application/json"})
        await named(client, table, content=b'{"prompt": "x"}', headers={"content-type": "text/plain"})
        kind = {"content-type": "application/json", "content-encoding": "gzip"}
        await named(client, table, content=packed, headers=kind)

    assert min(len(server.seen) for server in servers) > 10
    bodies = Counter(request.body for server in servers for request in server.seen)
    expected = (b"", b"{}", b'{"prompt": "x"}', packed)
    assert bodies == Counter(dict.fromkeys(expected, 20))


async def test_bodies_in_pieces(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Where a body is cut, and whether its length is known, plays no part; it arrives as it is."""
    servers = [await replica(name) for name in "abcd"]
    table = await bench.serve(servers, PREFIX)
    for number in range(10):
        body = json.dumps({"prompt": f"prompt {number} " + 9000 * "x"}).encode()

        async def pieces(size: int, body: bytes = body) -> AsyncIterator[bytes]:
            for at in range(0, len(body), size):
                yield body[at : at + size]

        contents = [body, *(pieces(size) for size in (7, 100, 5000, 20_000))]
        kind = {"content-type": "application/json; charset=utf-8"}
        assert len({await named(client, table, content=content, headers=kind) for content in contents}) == 1

    assert len([server for server in servers if server.seen]) > 1
    assert {len(request.body) for server in servers for request in server.seen} == {len(body)}


async def test_long_bodies(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Bodies that share a long beginning meet, of whatever size, and pass as they are."""
    servers = [await replica(name) for name in "abcd"]
    table = await bench.serve(servers, PREFIX)
    document = "a long document. " * 15_000

    met = {await named(client, table, json=chat(document + str(n))) for n in range(12)}
    sizes = (LOOKED_AT - 1, LOOKED_AT, LOOKED_AT + 1, 12 * 2**20)
    bodies = [b'{"prompt": "' + b"y" * (size - 14) + b'"}' for size in sizes]
    kind = {"content-type": "application/json"}
    huge = {await named(client, table, content=body, headers=kind) for body in bodies * 3}

    assert len(met) == 1
    assert len(huge) == 1
    assert sorted(
        len(request.body) for server in servers for request in server.seen if b"yyy" in request.body
    ) == sorted(sizes * 3)


async def test_replicas_are_told_nothing(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A request arrives with the headers that it would have under any other policy."""
    server = await replica()
    headers = []
    for policy in (PREFIX, LoadBalancingPolicy.LEAST_LOAD):
        await named(client, await bench.serve([server], policy), json=chat("hi"))
        headers.append(server.seen[-1].headers.keys())

    assert headers[0] == headers[1]


async def test_a_popular_prompt_overflows(bench: Bench, replica: MakeReplica) -> None:
    """Of many requests for one prompt each replica gets some, and none gets much more than its share."""
    release = asyncio.Event()

    async def answer(request: Request, reply: Reply) -> None:
        await release.wait()
        await reply.send(200, b"")

    servers = [await replica(name, answer) for name in "abcd"]
    table = await bench.serve(servers, PREFIX)
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=200)) as client:
        asked = []
        for count in range(1, 81):  # one after the other: Envoy counts a request once it has its connection
            asked.append(asyncio.create_task(client.post(url(table), json=chat("the same"))))
            await until(lambda count=count: sum(len(one.seen) for one in servers) == count)  # type: ignore[misc]
        shares = sorted(len(one.seen) for one in servers)
        release.set()
        await asyncio.gather(*asked)

    assert shares[-1] <= 26  # 125 percent of 20
    assert shares[0] > 0


async def test_a_busy_service_keeps_them_together(bench: Bench, replica: MakeReplica) -> None:
    """The bound is by the requests in flight on all replicas: among many others, those for one prompt still meet."""
    release = asyncio.Event()

    async def answer(request: Request, reply: Reply) -> None:
        if request.method == "GET":
            await release.wait()
        await reply.send(200, b"")

    servers = [await replica(name, answer) for name in "abcd"]
    table = await bench.serve(servers, PREFIX)
    async with httpx.AsyncClient(timeout=60) as client:
        asked = []
        for count in range(1, 33):  # one after the other, as above
            asked.append(asyncio.create_task(client.get(url(table))))
            await until(lambda count=count: sum(len(one.seen) for one in servers) == count)  # type: ignore[misc]
        for _ in range(10):
            await client.post(url(table), json=chat("the same"))
        release.set()
        await asyncio.gather(*asked)

    met = [sum(request.method == "POST" for request in one.seen) for one in servers]
    assert sorted(met) == [0, 0, 0, 10]


async def test_no_hot_spot_among_many(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Of 25 sessions a replica, among 32 replicas, each gets its part but for chance."""
    servers = [await replica(f"{n}") for n in range(32)]
    table = await bench.serve(servers, SESSION, settings=EndpointSettings(affinity=Affinity(header="x-session")))
    for number in range(25 * 32):
        await named(client, table, "GET", headers={"x-session": f"session {number}"})

    met = [len(server.seen) for server in servers]
    assert max(met) < 55  # the standard deviation is 5
    assert min(met) > 3


async def homes(client: httpx.AsyncClient, table: RouteTable, sessions: Sequence[str]) -> dict[str, str]:
    """Where each session goes."""
    return {name: await named(client, table, headers={"x-session": name}) for name in sessions}


async def test_sessions_by_header(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A session stays where it is when a replica comes, but for the part that the new one takes; and returns when that
    one goes, or is reached at another address."""
    servers = [await replica(name) for name in "abcd"]
    settings = EndpointSettings(affinity=Affinity(header="x-session"))
    table = await bench.serve(servers[:3], SESSION, settings=settings)
    sessions = [f"session {n}" for n in range(120)]
    before = await homes(client, table, sessions)
    assert before == await homes(client, table, sessions)

    grown = (*table.backends, Backend(4, servers[3].address))
    table = await bench.change(table, backends=grown)
    await bench.accepted(table.service_id, 4)
    with_four = await homes(client, table, sessions)
    moved = [name for name in sessions if with_four[name] != before[name]]
    assert {with_four[name] for name in moved} == {"d"}
    assert 12 < len(moved) < 54  # 30 are expected, with a standard deviation of 4.7

    moved_house: Replica = await replica("a")
    table = await bench.change(table, backends=(Backend(1, moved_house.address), *table.backends[1:3]))
    await bench.told(table)
    await bench.accepted(table.service_id, 1)
    assert await homes(client, table, sessions) == before


async def test_sessions_by_cookie(bench: Bench, replica: MakeReplica) -> None:
    """A client without the cookie is given one, and stays with its replica as long as it sends it."""
    servers = [await replica(name) for name in "abcd"]
    table = await bench.serve(servers, SESSION, settings=EndpointSettings(affinity=Affinity(cookie="sky")))
    met = set()
    for _ in range(30):
        async with httpx.AsyncClient(timeout=60) as browser:
            first = await named(browser, table, "GET")
            assert "sky" in browser.cookies
            assert {await named(browser, table, "GET") for _ in range(3)} == {first}
            met.add(first)

    assert met == set("abcd")


@pytest.mark.parametrize("policy", [PREFIX, SESSION])
async def test_the_next_replica_takes_over(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, policy: LoadBalancingPolicy
) -> None:
    """When a replica dies its sessions and prompts go elsewhere, without a request that fails."""
    servers = [await replica(name) for name in "abc"]
    table = await bench.serve(servers, policy, settings=EndpointSettings(affinity=Affinity(header="x-session")))
    asked: list[dict[str, Any]] = [{"json": chat(f"{n}"), "headers": {"x-session": f"{n}"}} for n in range(30)]
    before = [await named(client, table, **request) for request in asked]
    await servers[0].stop()
    after = [await named(client, table, **request) for request in asked]

    assert "a" in before
    assert "a" not in after
    assert all(old in ("a", new) for old, new in zip(before, after, strict=True))
