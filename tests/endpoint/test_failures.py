"""Replicas die, requests do not."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from skyserve.endpoint.translate.routes import RETRY_BODY_BYTES
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.place import Address
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import REFUSING, Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTH = [LoadBalancingPolicy.LEAST_LOAD, LoadBalancingPolicy.ROUND_ROBIN]


async def reset(request: Request, reply: Reply) -> None:
    """What a replica does that is killed over a request."""
    reply.reset()


@pytest_asyncio.fixture(loop_scope="module")
async def process() -> AsyncIterator[asyncio.subprocess.Process]:
    """A replica in a process of its own, which prints its port."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.endpoint.replica", stdout=asyncio.subprocess.PIPE
    )
    yield child
    if child.returncode is None:
        child.kill()
    await child.wait()


async def address_of(process: asyncio.subprocess.Process) -> Address:
    """Where it listens."""
    assert process.stdout is not None
    return Address("127.0.0.1", int(await process.stdout.readline()))


@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_refused_connections_are_retried(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, policy: LoadBalancingPolicy, method: str
) -> None:
    """A replica that has died and was not checked since costs no request, whatever its method."""
    dying, living = await replica("a"), await replica("b")
    table = await bench.serve([dying, living], policy)
    await dying.stop()

    responses = [await client.request(method, url(table)) for _ in range(10)]

    assert {response.status_code for response in responses} == {200}
    assert len(living.seen) == 10


@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_not_answered_is_asked_of_another(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, policy: LoadBalancingPolicy, method: str
) -> None:
    """A request whose connection is reset before any answer is answered by another replica."""
    dying, living = await replica("a", reset), await replica("b")
    table = await bench.serve([dying, living], policy)

    async with asyncio.timeout(60):
        while not dying.seen:
            assert (await client.request(method, url(table))).json()["replica"] == "b"


async def test_posts_are_not_done_twice_where_users_say_so(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """A POST that a replica may have seen is not repeated: the client is told, and decides. A GET is."""
    dying, living = await replica("a", reset), await replica("b")
    table = await bench.serve([dying, living], settings=EndpointSettings(retry_posts=False))

    responses = [await client.post(url(table), content=b"once") for _ in range(2)]

    assert sorted(response.status_code for response in responses) == [200, 502]
    assert len(dying.seen) == len(living.seen) == 1
    [failed] = [response.json()["error"] for response in responses if response.status_code == 502]
    assert failed["type"] == "replica_failed"


async def test_only_replica_gets_every_chance(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Failing once does not take the only replica out."""
    server = await replica("a", reset)
    table = await bench.serve([server], settings=EndpointSettings(retry_posts=False))
    assert (await client.post(url(table))).status_code == 502
    server.handler = None

    assert (await client.post(url(table))).status_code == 200


async def test_body_up_to_the_limit_is_retried(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A body just below the limit is kept for the retry."""
    dying, living = await replica("a"), await replica("b")
    table = await bench.serve([dying, living])
    await dying.stop()
    body = b"x" * (RETRY_BODY_BYTES - 1000)

    assert [(await client.put(url(table), content=body)).status_code for _ in range(2)] == [200, 200]
    assert [len(request.body) for request in living.seen] == [len(body)] * 2


@pytest.mark.parametrize("policy", BOTH)
async def test_kill_under_load_fails_no_request(
    bench: Bench,
    replica: MakeReplica,
    client: httpx.AsyncClient,
    process: asyncio.subprocess.Process,
    policy: LoadBalancingPolicy,
) -> None:
    """kill -9 of one of two replicas, with requests in flight on both: every GET is answered."""
    living = await replica("b")
    table = await bench.serve([await address_of(process), living], policy)
    await bench.accepted(table.service_id, 1)
    statuses: Counter[int] = Counter()

    async def load() -> None:
        while statuses.total() < 800:
            statuses[(await client.get(url(table))).status_code] += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(load())
        await until(lambda: statuses.total() > 200)
        assert len(living.seen) < statuses.total()
        process.kill()

    assert set(statuses) == {200}


async def test_all_replicas_gone(bench: Bench, client: httpx.AsyncClient) -> None:
    """Replicas that nobody can reach are told as such, not accepted, and not waited for."""
    table = await bench.serve([REFUSING], health_path=None)

    response = await client.get(url(table))

    assert response.status_code == 503
    assert response.json()["error"]["type"] == "no_ready_replica"
    assert not any(status.accepted for status in bench.router.status(table.service_id).values())
