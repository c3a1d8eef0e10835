"""Replicas that speak HTTP/2: gRPC of every kind through the endpoint."""

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import httpx
import pytest
import pytest_asyncio

from skyserve.model.endpoint import EndpointSettings, Protocol
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import GRPC_HEALTH
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.grpc_replica import GrpcReplica

pytestmark = pytest.mark.asyncio(loop_scope="module")

HTTP2 = EndpointSettings(protocol=Protocol.HTTP2)


@pytest_asyncio.fixture(loop_scope="module")
async def server() -> AsyncIterator[GrpcReplica]:
    """One that is ready."""
    server = await GrpcReplica().start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def table(bench: Bench, server: GrpcReplica) -> RouteTable:
    """A service of that one replica, which Envoy has found to be serving."""
    table = await bench.serve([server.address], health_path=GRPC_HEALTH, settings=HTTP2)
    await bench.accepted(table.service_id, 1)
    return table


def channel(table: RouteTable) -> Any:
    """A client of the service's endpoint."""
    return grpc.aio.insecure_channel(f"127.0.0.1:{table.port}", options=[("grpc.enable_http_proxy", 0)])


async def test_one_message_for_another(table: RouteTable) -> None:
    """A call returns its answer, and what the server says after it."""
    async with channel(table) as client:
        call = client.unary_unary("/test.Test/Echo")(b"hello", timeout=60)

        assert await call == b"hello"
        assert ("spent", "5") in list(await call.trailing_metadata())


async def test_a_status_of_the_server_arrives(table: RouteTable) -> None:
    """What the server refuses is refused with its code and words."""
    async with channel(table) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.unary_unary("/test.Test/Echo")(b"refuse", timeout=60)

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert caught.value.details() == "none left"


async def test_many_messages_for_one(table: RouteTable) -> None:
    """A server's stream arrives whole and in order."""
    async with channel(table) as client:
        received = [message async for message in client.unary_stream("/test.Test/Count")(b"500", timeout=60)]

    assert received == [str(number).encode() for number in range(500)]


async def test_messages_both_ways(table: RouteTable) -> None:
    """Each message of a stream is answered before the next is sent."""
    async with channel(table) as client:
        call = client.stream_stream("/test.Test/Chat")(timeout=60)
        for word in (b"one", b"two", b"three"):
            await call.write(word)
            assert await call.read() == b"echo " + word
        await call.done_writing()

        assert await call.read() is grpc.aio.EOF


async def test_a_call_that_is_cancelled(bench: Bench, table: RouteTable, server: GrpcReplica) -> None:
    """The server learns that its client has hung up, and no request stays in flight."""
    async with channel(table) as client:
        call = client.unary_stream("/test.Test/Hang")(b"", timeout=60)
        assert await call.read() == b"begun"
        call.cancel()
        await server.cancelled.wait()

    await until(lambda: bench.router.status(table.service_id)[1].in_flight == 0)


async def test_a_deadline(table: RouteTable, server: GrpcReplica) -> None:
    """A call whose time is up ends so at both ends."""
    async with channel(table) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in client.unary_stream("/test.Test/Hang")(b"", timeout=5):
                pass
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await server.cancelled.wait()


async def test_calls_are_spread(bench: Bench) -> None:
    """The calls of one client's connection go to several replicas: one that hangs keeps only its own."""
    servers = [await GrpcReplica().start() for _ in range(2)]
    table = await bench.serve([one.address for one in servers], health_path=GRPC_HEALTH, settings=HTTP2)
    for number in (1, 2):
        await bench.accepted(table.service_id, number)
    async with channel(table) as client:
        calls = [client.unary_stream("/test.Test/Hang")(b"", timeout=60) for _ in servers]
        for call in calls:
            assert await call.read() == b"begun"
    assert all(one.hanging.is_set() for one in servers)
    for one in servers:
        await one.stop()


async def test_one_that_says_not_serving(bench: Bench, server: GrpcReplica) -> None:
    """A server that says so gets nothing; its clients are told as clients of gRPC are."""
    server.serving = False
    table = await bench.serve([server.address], health_path=GRPC_HEALTH, settings=HTTP2)
    async with channel(table) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.unary_unary("/test.Test/Echo")(b"hello", timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

    server.serving = True
    await bench.accepted(table.service_id, 1)


async def test_the_protocol_changes_live(bench: Bench, server: GrpcReplica, replica: MakeReplica) -> None:
    """A service whose replicas spoke HTTP/1.1 speaks HTTP/2 with those that take over."""
    old = await replica("old")
    table = await bench.serve([old])
    async with httpx.AsyncClient(timeout=60) as client:
        assert (await client.get(url(table))).status_code == 200
    backend = (Backend(2, server.address),)
    table = await bench.change(table, backends=backend, settings=HTTP2, health_path=GRPC_HEALTH)
    await bench.told(table)
    await bench.accepted(table.service_id, 2)
    async with channel(table) as grpc_client:
        assert await grpc_client.unary_unary("/test.Test/Echo")(b"hello", timeout=60) == b"hello"


async def test_calls_wait_for_the_first_replica(bench: Bench, server: GrpcReplica) -> None:
    """A call that comes while there is none is held like any other request, and answered when there is one."""
    settings = EndpointSettings(protocol=Protocol.HTTP2, hold_seconds=300)
    table = await bench.serve([], health_path=GRPC_HEALTH, settings=settings)
    async with channel(table) as client:
        calls = [client.unary_unary("/test.Test/Echo")(b"%d" % number, timeout=120) for number in range(5)]
        await until(lambda: (load := bench.router.load(table.service_id)) is not None and load.held == 5)
        await bench.change(table, backends=(Backend(1, server.address),))

        assert [await call for call in calls] == [b"0", b"1", b"2", b"3", b"4"]
