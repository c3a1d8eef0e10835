"""What people are shown of a service's requests, as Envoy counts it."""

import asyncio
import json

import httpx
import pytest

from skyserve.endpoint.router import EnvoyRouter
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy
from skyserve.model.traffic import Answers, ReplicaTraffic, ServiceTraffic, Spread
from tests.endpoint.bench import PATIENCE_SECONDS, REFUSING, Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def counted(bench: Bench, table: RouteTable, *, answers: int) -> ServiceTraffic:
    """The traffic once so many requests have ended, and their times are told."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            traffic = (await bench.router.traffic()).get(table.service_id)
            rows = traffic.replicas if traffic else ()
            ended = sum(a.count for row in rows for a in row.answers) + sum(
                a.count for a in (traffic and traffic.own) or ()
            )
            if traffic and ended == answers and all(row.duration.count == _good(row) for row in rows):
                return traffic
            await asyncio.sleep(0.05)


def _good(row: ReplicaTraffic) -> int:
    return sum(answers.count for answers in row.answers if 200 <= answers.status < 400)


async def answer(request: Request, reply: Reply) -> None:
    """With the status that the path names; half a second between first and last byte, if it is asked to be slow."""
    if request.target == "/slow":
        await reply.begin("text/plain")
        await reply.chunk(b"a")
        await asyncio.sleep(0.5)
        await reply.chunk(b"")
    else:
        await reply.send(int(request.target[1:]), b"")


async def test_requests_are_counted_by_replica_version_and_status(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """Each ended request counts for the replica that answered it, and its bytes for the service."""
    table = await bench.serve([await replica("a", answer), await replica("b", answer)])
    for path in ("/200", "/200", "/404", "/404", "/500", "/500"):
        await client.get(url(table, path))
    traffic = await counted(bench, table, answers=6)

    each = (Answers(200, 1), Answers(404, 1), Answers(500, 1))
    assert [(row.replica_id, row.version, row.answers) for row in traffic.replicas] == [(1, 0, each), (2, 0, each)]
    assert (traffic.service, traffic.arrived, traffic.refused, traffic.own) == (table.name, 6, 0, ())
    assert traffic.connections >= 1
    assert traffic.connected >= traffic.connections
    assert traffic.received_bytes > 6 * 50
    assert traffic.sent_bytes > 6 * 15


async def test_a_replica_that_becomes_another_version(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """What it answered before stays with the version it was of, and no connection is cut for the change."""
    server = await replica("a", answer)
    table = await bench.serve([server])
    await client.get(url(table, "/200"))
    before = await counted(bench, table, answers=1)
    await bench.change(table, backends=(Backend(1, server.address, version=2),))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await client.get(url(table, "/200"))
            (first, *rest) = (await bench.router.traffic())[table.service_id].replicas
            if rest and rest[0].answers:
                break

    assert (first.version, [row.version for row in rest]) == (0, [2])
    assert {row.replica_id for row in (first, *rest)} == {1}
    assert (await bench.router.traffic())[table.service_id].connected == before.connected


async def test_times_are_told_apart(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """The time to the first byte is not that of the whole answer; of errors neither is told."""
    table = await bench.serve([await replica("a", answer)])
    for path in ("/slow", "/500"):
        await client.get(url(table, path))
    (row,) = (await counted(bench, table, answers=2)).replicas

    assert row.first_byte.within[-1] == row.duration.within[-1] == row.first_byte.count == row.duration.count == 1
    assert dict(zip(FIRST_BYTE_BOUNDS, row.duration.within, strict=True))[0.4] == 0
    assert row.duration.seconds >= 0.45
    assert row.first_byte.seconds <= row.duration.seconds - 0.3


async def test_what_no_replica_answered(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Answers that the endpoint gives are its own."""
    table = await bench.serve([])
    assert (await client.get(url(table))).status_code == 503
    traffic = await counted(bench, table, answers=1)

    assert (traffic.own, traffic.refused, traffic.replicas) == ((Answers(503, 1),), 1, ())


async def test_retries_count(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """An attempt that was repeated elsewhere is told of the service; the answer is that of the last replica."""

    async def hang_up(request: Request, reply: Reply) -> None:
        reply.reset()

    table = await bench.serve([await replica("a", hang_up), await replica("b", answer)])
    for _ in range(2):
        assert (await client.get(url(table, "/200"))).status_code == 200
    traffic = await counted(bench, table, answers=2)

    assert [row.answers for row in traffic.replicas] == [(), (Answers(200, 2),)]
    assert traffic.retried >= 1
    failing, good = traffic.replicas
    assert (good.attempts, good.failed, good.ejected) == (2, 0, False)
    assert failing.attempts == failing.failed >= 1


async def test_a_replica_that_is_passed_over(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Each replica tells whether it is ejected, and the service how many are."""
    a, b = await replica("a", answer), await replica("b", answer)
    table = await bench.serve([a, b])
    await b.stop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            assert (await client.get(url(table, "/200"))).status_code == 200
            traffic = (await bench.router.traffic())[table.service_id]
            if [row.ejected for row in traffic.replicas] == [False, True]:
                break
    assert (traffic.ejections >= 1, traffic.replicas[1].failed >= 1) == (True, True)


async def test_replicas_that_are_gone_are_not_told(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """However many there were, only those in the table are told; one without requests has a row of noughts."""
    server = await replica("a", answer)
    table = await bench.serve([server])
    await client.get(url(table, "/200"))
    await counted(bench, table, answers=1)
    table = await bench.change(table, backends=(Backend(7, server.address, version=3),))

    (row,) = (await bench.router.traffic())[table.service_id].replicas
    assert (row.replica_id, row.version, row.answers, row.duration) == (7, 3, (), Spread())
    assert Spread().within == (0,) * len(FIRST_BYTE_BOUNDS)


async def test_nothing_is_known_while_envoy_is_away(bench: Bench) -> None:
    """Then nothing is told, rather than noughts."""
    table = RouteTable(1, "web", 24000, LoadBalancingPolicy.LEAST_LOAD, (Backend(1, REFUSING),))
    router = EnvoyRouter(bench.directory / "nobody", host="127.0.0.1")
    await router.apply(table)
    assert await router.traffic() == {}
    await router.close()


async def test_those_who_wait(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A request that is held counts while it waits, and its line in the log tells how long it did."""
    table = await bench.serve([], settings=EndpointSettings(hold_seconds=60))
    asked = asyncio.create_task(client.get(url(table, "/200")))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await bench.router.traffic())[table.service_id].held != 1:  # noqa: ASYNC110 - what is awaited is another process
            await asyncio.sleep(0.02)
    server = await replica("a", answer)
    await bench.change(table, backends=(Backend(1, server.address),))
    assert (await asked).status_code == 200
    traffic = await counted(bench, bench.tables[table.service_id], answers=1)
    file = bench.router.access_log(table.service_id)
    await until(lambda: file.exists() and file.stat().st_size > 0)
    line = json.loads(file.read_text())

    assert (traffic.held, traffic.queued, traffic.refused) == (0, 0, 0)
    waits = traffic.hold_waits
    assert (waits.released, waits.refused, waits.gone, waits.spread.count) == (1, 0, 0, 1)
    assert 0 < waits.spread.seconds <= line["waited_ms"] / 1000
    assert (line["replica"], line["status"]) == (1, 200)
    assert 0 < line["waited_ms"] <= line["first_byte_ms"] <= line["duration_ms"]
