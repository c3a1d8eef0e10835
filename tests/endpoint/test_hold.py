"""Requests that find no replica wait for one, in the waiting room; against the real Envoy."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from skyserve.model.endpoint import EndpointSettings
from skyserve.model.place import Address
from skyserve.model.route import Backend, Prospect, RouteTable
from skyserve.model.traffic import Waits
from tests.endpoint.bench import PATIENCE_SECONDS, REFUSING, Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Replica, Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENT = EndpointSettings(hold_seconds=300)


async def waiting(bench: Bench, table: RouteTable, number: int) -> None:
    """Until so many wait."""
    await until(lambda: held(bench, table) == number)


async def ended(bench: Bench, table: RouteTable) -> Waits:
    """How those who waited for a replica fared."""
    return (await bench.router.traffic())[table.service_id].hold_waits


def held(bench: Bench, table: RouteTable) -> int:
    """How many wait now, as the autoscaler is told."""
    load = bench.router.load(table.service_id)
    return load.held if load else -1


async def up(bench: Bench, table: RouteTable, *replicas: Replica) -> RouteTable:
    """Put replicas behind the service."""
    return await bench.change(table, backends=tuple(Backend(n, r.address) for n, r in enumerate(replicas, 1)))


def asked(client: httpx.AsyncClient, table: RouteTable, paths: Sequence[str], **kwargs: Any) -> list[Any]:
    """A request for each path, under way."""
    return [
        asyncio.create_task(client.request(kwargs.pop("method", "GET"), url(table, path), **kwargs)) for path in paths
    ]


@pytest.mark.parametrize("size", [0, 1000, 3_000_000])
async def test_a_request_waits_for_the_first_replica(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, size: int
) -> None:
    """It is answered as if a replica had been there, its body whole, and then nobody waits."""
    table = await bench.serve([], settings=PATIENT)
    (request,) = asked(client, table, ["/late"], method="POST", content=b"x" * size)
    await waiting(bench, table, 1)
    a = await replica("a")
    await up(bench, table, a)
    response = await request

    assert response.json()["replica"] == "a"
    assert [(r.method, r.target, len(r.body)) for r in a.seen] == [("POST", "/late", size)]
    assert "x-skyserve-release" not in response.headers
    assert held(bench, table) == 0


async def test_they_go_on_in_their_order_and_no_faster_than_replicas_have_room(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """With room for two at a time, the first two come first, and never more than two are there."""
    gate = asyncio.Semaphore(0)
    there: list[str] = []

    async def slow(request: Request, reply: Reply) -> None:
        there.append(request.target)
        await gate.acquire()
        await reply.send(200, request.target.encode())

    table = await bench.change(await bench.serve([], settings=PATIENT), at_once=2)
    requests = []
    for number in range(6):
        requests += asked(client, table, [f"/{number}"])
        await waiting(bench, table, number + 1)
    await up(bench, table, await replica("a", slow))
    for number in range(0, 6, 2):
        await until(lambda number=number: len(there) == number + 2)  # type: ignore[misc]
        assert set(there[number:]) == {f"/{number}", f"/{number + 1}"}
        gate.release()
        gate.release()

    assert [(await request).text for request in requests] == [f"/{number}" for number in range(6)]


async def test_nobody_waits_for_ever(bench: Bench, client: httpx.AsyncClient) -> None:
    """After its time a request is answered in JSON, with the time after which asking again makes sense."""
    table = await bench.serve([], settings=EndpointSettings(hold_seconds=0.3))
    await bench.change(table, prospect=Prospect(None, 40))
    response = await client.post(url(table), content=b"x", headers={"x-request-id": "mine"})

    assert response.status_code == 503
    assert response.headers["retry-after"] == "40"
    assert response.json()["error"]["type"] == "no_ready_replica"
    assert response.json()["error"]["request_id"] == "mine"
    load = bench.router.load(table.service_id)
    assert load is not None
    assert (load.held, load.refused) == (0, 1)
    assert (await ended(bench, table)).timed_out == 1


async def test_a_full_room_lets_nobody_in(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Beyond the cap a request is refused at once; those inside wait on."""
    table = await bench.serve([], settings=EndpointSettings(hold_seconds=300, max_held_requests=2))
    inside = asked(client, table, ["/1", "/2"])
    await waiting(bench, table, 2)
    response = await client.get(url(table))

    assert (response.status_code, response.json()["error"]["type"]) == (503, "too_many_waiting")
    assert int(response.headers["retry-after"]) > 0
    await up(bench, table, await replica())
    assert [r.status_code for r in await asyncio.gather(*inside)] == [200, 200]
    waits = await ended(bench, table)
    assert (waits.full, waits.released >= 2, waits.refused) == (1, True, 1)


async def test_where_there_is_no_hope_nobody_waits(bench: Bench, client: httpx.AsyncClient) -> None:
    """Who waits when launching stops is told why at once, and so is who comes later."""
    table = await bench.serve([], settings=PATIENT)
    (early,) = asked(client, table, ["/"])
    await waiting(bench, table, 1)
    await bench.change(table, prospect=Prospect(hopeless="launching stopped: setup failed"))
    for response in (await early, await client.get(url(table))):
        assert response.status_code == 503
        assert "launching stopped: setup failed" in response.json()["error"]["message"]
        assert "retry-after" not in response.headers
    assert (await ended(bench, table)).hopeless == 2


async def test_who_hangs_up_waits_no_more(bench: Bench, client: httpx.AsyncClient) -> None:
    """A client that goes away leaves the line."""
    table = await bench.serve([], settings=PATIENT)
    (request,) = asked(client, table, ["/"])
    await waiting(bench, table, 1)
    request.cancel()
    await waiting(bench, table, 0)
    waits = await ended(bench, table)
    assert (waits.gone, waits.released, waits.refused) == (1, 0, 0)


async def test_the_last_replica_dies(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Requests wait for its replacement, while Envoy finds nobody at its address."""
    a = await replica("a")
    table = await bench.serve([a], settings=PATIENT)
    assert (await client.get(url(table))).status_code == 200
    await a.stop()
    requests = asked(client, table, ["/1", "/2", "/3"], method="POST", content=b"body")
    await waiting(bench, table, 3)
    await up(bench, table, await replica("b"))

    assert {response.json()["replica"] for response in await asyncio.gather(*requests)} == {"b"}


async def silence(bench: Bench, table: RouteTable) -> float:
    """Seconds that a request which comes now may be silent, as Envoy has it."""
    told = await bench.admin("/config_dump", {"resource": "dynamic_route_configs"})
    (mine,) = [c["route_config"] for c in told["configs"] if c["route_config"]["name"] == f"service-{table.service_id}"]
    return float(mine["virtual_hosts"][0]["routes"][0]["route"]["idle_timeout"].removesuffix("s"))


async def test_waiting_is_no_silence(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """After the last replica died a request waits for longer than the stream timeout, and has all of that time again at
    the replica for which it waited; later ones have that time alone."""

    async def never(request: Request, reply: Reply) -> None:
        await asyncio.Event().wait()

    async def a_timeout_passes() -> None:
        """One that began now."""
        assert (await client.get(url(marker))).status_code == 504

    async def late(request: Request, reply: Reply) -> None:
        await a_timeout_passes()
        await reply.send(200, b"late")

    timeout = EndpointSettings(stream_timeout=1)
    marker = await bench.serve([await replica("silent", never)], settings=timeout)
    a = await replica("a")
    table = await bench.serve([a], settings=replace(timeout, hold_seconds=300))
    assert await silence(bench, table) == 1
    await a.stop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await silence(bench, table) == 1:
            await client.get(url(table))
    (request,) = asked(client, table, ["/"], method="POST", content=b"x")
    await waiting(bench, table, 1)
    await a_timeout_passes()
    await a_timeout_passes()
    await up(bench, table, await replica("b", late))

    assert (await request).text == "late"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await silence(bench, table) != 1:  # noqa: ASYNC110 - what is awaited is another process
            await asyncio.sleep(0.02)


async def test_a_working_replica_is_enough(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Of many replicas one works: nobody waits, whatever the share of those that do not."""
    table = await bench.serve([*[REFUSING] * 12, await replica("good")], settings=PATIENT)
    responses = [await client.post(url(table), content=b"x") for _ in range(40)]

    assert {response.json()["replica"] for response in responses} == {"good"}


@pytest.mark.parametrize("canaries", [1, 2])
async def test_a_split_waits_too(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, canaries: int) -> None:
    """While requests are split by percent the other kind takes over first; without either they wait."""
    replicas = [await replica("a"), await replica("b")]
    table = await bench.serve(replicas, settings=PATIENT, canaries=canaries, canary_percent=50)
    assert {(await client.get(url(table))).json()["replica"] for _ in range(20)} <= {"a", "b"}
    await bench.told(await bench.change(table, backends=table.backends[:1]))
    assert {(await client.get(url(table))).json()["replica"] for _ in range(20)} == {"a"}
    await bench.told(await bench.change(table, backends=()))
    requests = asked(client, table, ["/1", "/2"])
    await waiting(bench, table, 2)
    await bench.change(table, backends=table.backends[1:])
    assert {response.json()["replica"] for response in await asyncio.gather(*requests)} == {"b"}


async def test_the_controller_restarts_while_they_wait(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """Nobody is lost, though bodies are on their way; they wait for the next controller, and keep their order."""
    table = await bench.change(await bench.serve([], settings=PATIENT), at_once=1)
    requests = []
    for number in range(5):
        requests += asked(client, table, [f"/{number}"], method="POST", content=b"x" * 200_000)
        await waiting(bench, table, number + 1)
    await bench.restart()
    await waiting(bench, table, 5)
    a = await replica("a")
    await up(bench, bench.tables[table.service_id], a)
    responses = await asyncio.gather(*requests)

    assert {(response.status_code, len(r.body)) for response, r in zip(responses, a.seen, strict=True)} == {
        (200, 200_000)
    }
    assert [r.target for r in a.seen] == [f"/{number}" for number in range(5)]


async def test_without_hold_requests_are_refused_at_once(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """hold_seconds: 0 asks nobody to wait, and the setting can change either way while the service lives."""
    table = await bench.serve([], settings=EndpointSettings())
    assert (await client.get(url(table))).status_code == 503
    table = await bench.change(table, settings=PATIENT)

    async def wait() -> int:
        """Asks until it waits."""
        while True:
            response = await client.get(url(table))
            if response.status_code != 503:
                return response.status_code

    request = asyncio.create_task(wait())
    await waiting(bench, table, 1)
    await up(bench, table, await replica())
    assert await request == 200


async def test_a_websocket_waits_too(bench: Bench) -> None:
    """One that is opened while there is no replica is opened by the first one, and carries messages both ways."""

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(f"echo {message!r}")

    table = await bench.serve([], settings=PATIENT, health_path=None)
    address = url(table, "/chat").replace("http", "ws")

    async def opening() -> ClientConnection:
        return await connect(address, proxy=None, open_timeout=PATIENCE_SECONDS)

    opened = asyncio.create_task(opening())
    await waiting(bench, table, 1)
    async with serve(echo, "127.0.0.1", 0) as server:
        there = Address("127.0.0.1", server.sockets[0].getsockname()[1])
        await bench.change(table, backends=(Backend(1, there),))
        async with await opened as socket:
            for message in ("one", "two"):
                await socket.send(message)
                assert await socket.recv() == f"echo {message!r}"
        await waiting(bench, table, 0)
