"""What became of the requests of each replica, as Envoy counts it: what a trial is judged by."""

import asyncio

import httpx
import pytest

from skyserve.model.endpoint import EndpointSettings
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")


def outcomes(bench: Bench, service_id: int, replica_id: int = 1) -> tuple[int, int]:
    """Answered, and errors among them, as last learned."""
    status = bench.router.status(service_id)[replica_id]
    return status.answered, status.errors


@pytest.mark.parametrize(
    ("status", "errors"), [(200, 0), (302, 0), (404, 0), (429, 0), (500, 3), (502, 3), (503, 3), (504, 3)]
)
async def test_statuses(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, status: int, errors: int
) -> None:
    """From 500 up an answer is an error; what the client did wrong is none of the replica's."""

    async def answer(request: Request, reply: Reply) -> None:
        await reply.send(status, b"")

    table = await bench.serve([await replica("a", answer)])
    for method in ("GET", "POST", "HEAD"):
        assert (await client.request(method, url(table))).status_code == status

    await until(lambda: outcomes(bench, table.service_id) == (3, errors))


async def test_health_checks_are_no_requests(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Only what clients ask for counts."""
    server = await replica("a")
    table = await bench.serve([server])
    server.healthy = False
    await until(lambda: not bench.router.status(table.service_id)[1].accepted)

    assert outcomes(bench, table.service_id) == (0, 0)


async def test_a_connection_that_ends_before_the_answer(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """Each request that a replica drops is its error, whether another answers in its place or the client is told."""

    async def drop(request: Request, reply: Reply) -> None:
        reply.reset()

    dropping = await replica("a", drop)
    table = await bench.serve([dropping, await replica("b")])
    for _ in range(3):
        await client.get(url(table))
        await client.post(url(table))

    await until(lambda: outcomes(bench, table.service_id) == (len(dropping.seen),) * 2)
    assert dropping.seen
    assert outcomes(bench, table.service_id, 2)[1] == 0


async def test_a_connection_that_is_refused(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A replica that nobody can connect to fails each request that tries it."""
    dying = await replica("c")
    table = await bench.serve([dying])
    await dying.stop()
    assert (await client.get(url(table))).status_code >= 500

    await until(lambda: outcomes(bench, table.service_id)[1] > 0)
    answered, errors = outcomes(bench, table.service_id)
    assert answered == errors


async def test_an_answer_that_is_cut(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """An answer that had begun counts by its status, also when its connection breaks."""

    async def cut(request: Request, reply: Reply) -> None:
        await reply.begin("text/plain")
        await reply.chunk(b"begun")
        reply.reset()

    table = await bench.serve([await replica("a", cut)])
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get(url(table))

    await until(lambda: outcomes(bench, table.service_id) == (1, 0))


async def test_a_client_that_gives_up(bench: Bench, replica: MakeReplica) -> None:
    """Who hangs up before the answer says nothing about the replica."""
    never = asyncio.Event()

    async def wait(request: Request, reply: Reply) -> None:
        await never.wait()

    server = await replica("a", wait)
    table = await bench.serve([server])
    _, writer = await asyncio.open_connection("127.0.0.1", table.port)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await until(lambda: bench.router.status(table.service_id)[1].in_flight == 1)
    writer.close()
    await until(lambda: bench.router.status(table.service_id)[1].in_flight == 0)
    never.set()

    assert outcomes(bench, table.service_id) == (0, 0)


async def test_a_replica_that_is_silent_for_too_long(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """A request that the stream timeout ends counts as one that was given up, which says nothing about the replica."""
    silence = asyncio.Event()

    async def never(request: Request, reply: Reply) -> None:
        await silence.wait()

    table = await bench.serve([await replica(handler=never)], settings=EndpointSettings(stream_timeout=0.2))
    assert (await client.get(url(table))).status_code == 504
    await until(lambda: bench.router.status(table.service_id)[1].in_flight == 0)
    silence.set()

    assert outcomes(bench, table.service_id) == (0, 0)
