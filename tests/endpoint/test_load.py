"""How busy a service is, as Envoy counts it."""

import asyncio

import httpx
import pytest

from skyserve.model.load import FIRST_BYTE_BOUNDS, Load
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")


def load_of(bench: Bench, service_id: int) -> Load:
    """What was last learned; nothing if Envoy does not tell."""
    return bench.router.load(service_id) or Load()


async def test_requests_that_find_no_replica_are_counted(bench: Bench, client: httpx.AsyncClient) -> None:
    """A service without replicas answers 503 with Retry-After, and each such request counts as arrived and refused."""
    table = await bench.serve([])
    replies = [await client.get(url(table)) for _ in range(3)]

    assert [(reply.status_code, "retry-after" in reply.headers) for reply in replies] == [(503, True)] * 3
    await until(lambda: load_of(bench, table.service_id).arrived == 3)
    assert load_of(bench, table.service_id).refused == 3


async def test_requests_in_flight(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Those that last are in flight, and their seconds add up; health checks of the replica are none."""
    release = asyncio.Event()

    async def answer(request: Request, reply: Reply) -> None:
        await release.wait()
        await reply.send(200, b"")

    table = await bench.serve([await replica("a", answer)])
    asked = [asyncio.create_task(client.get(url(table))) for _ in range(4)]
    await until(lambda: load_of(bench, table.service_id).in_flight == 4)
    await until(lambda: load_of(bench, table.service_id).busy_seconds >= 4)
    release.set()
    await asyncio.gather(*asked)
    await until(lambda: load_of(bench, table.service_id).in_flight == 0)
    busy = load_of(bench, table.service_id)

    assert (busy.arrived, busy.refused) == (4, 0)


async def test_services_are_counted_apart(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A request to one service is none to another, and an unknown service has no load."""
    one, other = await bench.serve([await replica("a")]), await bench.serve([await replica("b")])
    await client.get(url(one))
    await until(lambda: load_of(bench, one.service_id).arrived == 1)

    assert load_of(bench, other.service_id).arrived == 0
    assert bench.router.load(10_000) is None


async def test_totals_outlive_the_controller(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A new router over the Envoy that runs knows of all requests so far."""
    table = await bench.serve([await replica("a")])
    for _ in range(5):
        await client.get(url(table))
    await bench.restart()

    await until(lambda: load_of(bench, table.service_id).arrived == 5)


async def test_the_time_to_the_first_byte(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """An answer that begins soon and goes on long counts by its beginning; errors and refusals do not count."""
    pause = 0.5

    async def answer(request: Request, reply: Reply) -> None:
        if request.target == "/wrong":
            await reply.send(500, b"")
            return
        if request.target == "/late":
            await asyncio.sleep(pause)
        await reply.begin("text/plain")
        await reply.chunk(b"a")
        await asyncio.sleep(pause)
        await reply.chunk(b"")

    table, empty = await bench.serve([await replica("a", answer)]), await bench.serve([])
    for path in ("/", "/late", "/wrong"):
        await client.get(url(table, path))
    await client.get(url(empty))

    def began() -> list[int]:
        return [*load_of(bench, table.service_id).first_bytes]

    await until(lambda: began()[-1:] == [2])
    within = dict(zip(FIRST_BYTE_BOUNDS, began(), strict=True))
    assert within[0.4] <= 1
    assert within[800.0] == 2
    assert not any(load_of(bench, empty.service_id).first_bytes)
