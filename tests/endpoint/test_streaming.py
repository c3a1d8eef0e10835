"""Long answers: streams, events, WebSockets, HTTP/2; and what happens to them while replicas and controllers go."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from skyserve.model.endpoint import EndpointSettings
from skyserve.model.place import Address
from skyserve.model.route import Backend
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Script:
    """A stream whose every chunk is released by the test."""

    def __init__(self, content_type: str = "text/event-stream") -> None:
        self._content_type = content_type
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def say(self, data: bytes) -> None:
        """Let the next chunk go; an empty one ends the stream."""
        self._chunks.put_nowait(data)

    async def __call__(self, request: Request, reply: Reply) -> None:
        await reply.begin(self._content_type)
        while data := await self._chunks.get():
            await reply.chunk(data)
        await reply.chunk(b"")


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/octet-stream"])
@pytest.mark.parametrize("http2", [False, True])
async def test_chunks_arrive_one_by_one(bench: Bench, replica: MakeReplica, content_type: str, http2: bool) -> None:
    """Each chunk reaches the client before the next is made, over HTTP/1.1 and HTTP/2 without TLS."""
    script = Script(content_type)
    table = await bench.serve([await replica(handler=script)])
    received = []

    async with (
        httpx.AsyncClient(timeout=60, http1=not http2, http2=http2) as client,
        client.stream("POST", url(table), json={"stream": True}) as response,
    ):
        script.say(b"data: 0\n\n")
        async for chunk in response.aiter_raw():
            received.append(chunk)
            script.say(f"data: {len(received)}\n\n".encode() if len(received) < 5 else b"")

    assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert response.headers["content-type"] == content_type
    assert received == [f"data: {n}\n\n".encode() for n in range(5)]


async def test_many_streams_on_one_http2_connection(bench: Bench, replica: MakeReplica) -> None:
    """Requests of one HTTP/2 connection are spread over the replicas."""
    replicas = [await replica("a"), await replica("b")]
    table = await bench.serve(replicas)

    async with httpx.AsyncClient(timeout=60, http1=False, http2=True) as client:
        responses = await asyncio.gather(*(client.get(url(table, f"/{n}")) for n in range(20)))

    assert {response.status_code for response in responses} == {200}
    assert [len(one.seen) for one in replicas] == [10, 10]


async def test_websocket(bench: Bench) -> None:
    """A WebSocket carries messages both ways."""

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(f"echo {message!r}")

    async with serve(echo, "127.0.0.1", 0) as server:
        address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
        table = await bench.serve([address], health_path=None)
        await bench.accepted(table.service_id, 1)
        async with connect(url(table, "/chat").replace("http", "ws"), proxy=None) as socket:
            for message in ("one", "two"):
                await socket.send(message)
                assert await socket.recv() == f"echo {message!r}"


async def test_websocket_outlives_its_drain(bench: Bench, replica: MakeReplica) -> None:
    """A WebSocket goes on while its replica drains, counted as in flight, and when it is out of the table."""

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0) as server:
        old = Backend(1, Address("127.0.0.1", server.sockets[0].getsockname()[1]))
        table = await bench.serve([old.address], health_path=None)
        await bench.accepted(table.service_id, 1)
        async with connect(url(table, "/chat").replace("http", "ws"), proxy=None) as socket:
            new = Backend(2, (await replica("new")).address)
            for backends in ((old._replace(draining=True), new), (new,)):
                table = await bench.change(table, backends=backends)
                await bench.accepted(table.service_id, 2)
                await bench.told(table)
                for number in range(20):
                    await socket.send(f"{number}")
                    assert await socket.recv() == f"{number}"
                draining = bench.router.status(table.service_id).get(1)
                assert draining is None or draining.in_flight == 1


async def test_silent_stream_is_ended_after_its_timeout(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """With a stream timeout a request without any answer ends as 504."""
    silence = asyncio.Event()

    async def never(request: Request, reply: Reply) -> None:
        await silence.wait()

    table = await bench.serve([await replica(handler=never)], settings=EndpointSettings(stream_timeout=0.2))

    response = await client.get(url(table))

    silence.set()
    assert response.status_code == 504
    assert response.json()["error"]["type"] == "replica_timeout"


async def test_draining_replica_finishes_its_stream(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """Draining sends new requests elsewhere; the stream goes on, also when the replica is then removed."""
    script = Script()
    old, new = await replica("old", script), await replica("new")
    table = await bench.serve([old])
    async with client.stream("GET", url(table)) as response:
        stream = response.aiter_raw()
        script.say(b"1")
        assert await anext(stream) == b"1"

        backends = (Backend(1, old.address, draining=True), Backend(2, new.address))
        table = await bench.change(table, backends=backends)
        await bench.accepted(table.service_id, 2)
        await until(lambda: not bench.router.status(table.service_id)[1].accepted)
        assert bench.router.status(table.service_id)[1].in_flight == 1
        assert [(await client.get(url(table))).json()["replica"] for _ in range(4)] == ["new"] * 4
        script.say(b"2")
        assert await anext(stream) == b"2"

        table = await bench.change(table, backends=backends[1:])
        await bench.told(table)
        script.say(b"3")
        assert await anext(stream) == b"3"
        script.say(b"")
        assert [chunk async for chunk in stream] == []
    assert len(old.seen) == 1


async def test_controller_restarts_unnoticed(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A stream and a load of short requests go on while the router is replaced, and Envoy is told nothing new."""
    script = Script()
    table = await bench.serve([await replica("a", script)])
    short = await bench.serve([await replica("b"), await replica("c")], LoadBalancingPolicy.LEAST_LOAD)
    before = await bench.stats("(listener_manager.listener|cluster_manager.cluster)_(added|modified|removed)")
    statuses: list[int] = []
    done = asyncio.Event()

    async def load() -> None:
        while not done.is_set():
            statuses.append((await client.get(url(short))).status_code)

    async with client.stream("GET", url(table)) as response, asyncio.TaskGroup() as tasks:
        tasks.create_task(load())
        stream = response.aiter_raw()
        script.say(b"before")
        assert await anext(stream) == b"before"
        await bench.restart()
        for service_id, status in ((table.service_id, 1), (short.service_id, 1), (short.service_id, 2)):
            await bench.accepted(service_id, status)
        script.say(b"after")
        assert await anext(stream) == b"after"
        script.say(b"")
        done.set()

    assert len(statuses) > 0
    assert set(statuses) == {200}
    assert await bench.stats("(listener_manager.listener|cluster_manager.cluster)_(added|modified|removed)") == before


async def test_restart_brings_what_has_changed_meanwhile(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """What was decided while no router ran is told to Envoy by the next one: a replica added, a service gone."""
    table = await bench.serve([await replica("a")])
    gone = await bench.serve([await replica("b")])
    added = await replica("c")
    bench.tables[table.service_id] = replace(table, backends=(Backend(2, added.address),))
    del bench.tables[gone.service_id]

    await bench.restart()

    await bench.accepted(table.service_id, 2)
    assert (await client.get(url(table))).json()["replica"] == "c"
    await bench.closed(gone.port)
