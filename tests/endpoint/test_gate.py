"""A limit of requests at each replica, against the real Envoy."""

import asyncio
from collections import Counter

import httpx
import pytest

from skyserve.model.endpoint import ConcurrencyLimit, EndpointSettings
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")


def limited(per_replica: int, queued: int = 1000, seconds: float = 60) -> EndpointSettings:
    """Settings with this limit."""
    return EndpointSettings(concurrency=ConcurrencyLimit(per_replica, queued, seconds))


class Held:
    """Replicas that answer when they are told to, and count what they have at once."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.now: Counter[int] = Counter()
        self.most: Counter[int] = Counter()

    async def answer(self, request: Request, reply: Reply) -> None:
        """What each of them does."""
        port = reply.writer.get_extra_info("sockname")[1]
        self.now[port] += 1
        self.most[port] = max(self.most[port], self.now[port])
        try:
            await self.release.wait()
        finally:
            self.now[port] -= 1
        await reply.send(200, b"ok")


async def statuses(client: httpx.AsyncClient, table: RouteTable, number: int) -> Counter[int]:
    """Of so many requests at once."""
    return Counter(r.status_code for r in await asyncio.gather(*(client.get(url(table)) for _ in range(number))))


@pytest.fixture
def held() -> Held:
    """Nothing is released yet."""
    return Held()


@pytest.mark.parametrize(
    "policy",
    [
        LoadBalancingPolicy.LEAST_LOAD,
        LoadBalancingPolicy.ROUND_ROBIN,
        LoadBalancingPolicy.INSTANCE_AWARE_LEAST_LOAD,
    ],
)
async def test_no_replica_gets_more_than_it_may_have(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, held: Held, policy: LoadBalancingPolicy
) -> None:
    """Of a burst each replica has as many as the limit says; the others wait, and are answered one after the other."""
    replicas = [await replica(name, held.answer) for name in "abc"]
    table = await bench.serve(replicas, policy, settings=limited(4))
    asked = asyncio.create_task(statuses(client, table, 60))
    await until(lambda: held.now.total() == 12)
    assert [*held.now.values()] == [4, 4, 4]
    held.release.set()

    assert await asked == {200: 60}
    assert max(held.most.values()) == 4


async def test_a_full_queue_answers_429(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, held: Held
) -> None:
    """What finds no place and no room to wait is refused, in the shape of other errors, with a time to try again."""
    table = await bench.serve([await replica("a", held.answer)], settings=limited(1, queued=2))
    asked = [asyncio.create_task(client.get(url(table))) for _ in range(3)]
    await until(lambda: bench.waiting(table.service_id) == 2)
    refused = await client.get(url(table))
    held.release.set()

    assert (await bench.router.traffic())[table.service_id].refused == 1
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"] | {"message": "", "request_id": ""} == {
        "message": "",
        "type": "queue_full",
        "code": 429,
        "request_id": "",
    }
    assert [(await one).status_code for one in asked] == [200] * 3


async def test_waits_end(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, held: Held) -> None:
    """After the service's time the answer is 503, after the client's own 504; both say what is the matter."""
    table = await bench.serve([await replica("a", held.answer)], settings=limited(1, seconds=1))
    first = asyncio.create_task(client.get(url(table)))
    await until(lambda: held.now.total() == 1)
    late = await client.get(url(table))
    short = await client.get(url(table), headers={"x-skyserve-deadline-ms": "20"})
    held.release.set()

    assert (late.status_code, late.json()["error"]["type"]) == (503, "queue_timeout")
    assert (short.status_code, short.json()["error"]["type"]) == (504, "deadline_exceeded")
    assert (await first).status_code == 200


async def test_the_more_urgent_goes_first(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, held: Held
) -> None:
    """Of those who wait the one with the higher priority is next."""
    server = await replica("a", held.answer)
    table = await bench.serve([server], settings=limited(1))

    def ask(path: str, priority: str) -> "asyncio.Task[httpx.Response]":
        return asyncio.create_task(client.get(url(table, path), headers={"x-skyserve-priority": priority}))

    asked = [ask("/first", "0")]
    await until(lambda: held.now.total() == 1)
    asked.append(ask("/usual", "0"))
    await until(lambda: bench.waiting(table.service_id) == 1)
    asked.append(ask("/urgent", "7"))
    await until(lambda: bench.waiting(table.service_id) == 2)
    held.release.set()
    await asyncio.gather(*asked)

    assert [request.target for request in server.seen] == ["/first", "/urgent", "/usual"]


async def test_a_large_body_waits_too(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, held: Held
) -> None:
    """A request whose body is larger than what Envoy keeps arrives whole once its turn has come."""
    server = await replica("a", held.answer)
    table = await bench.serve([server], settings=limited(1))
    first = asyncio.create_task(client.get(url(table)))
    await until(lambda: held.now.total() == 1)
    body = b"x" * 20 * 2**20
    second = asyncio.create_task(client.post(url(table), content=body))
    await until(lambda: bench.waiting(table.service_id) == 1)
    held.release.set()

    assert [(await one).status_code for one in (first, second)] == [200, 200]
    assert len(server.seen[1].body) == len(body)


async def asked_until_some_wait(
    bench: Bench, client: httpx.AsyncClient, table: RouteTable
) -> list[asyncio.Task[httpx.Response]]:
    """Requests, one more and one more: the proxy's threads hear of a limit when they do."""
    asked = []
    while not bench.waiting(table.service_id):
        asked.append(asyncio.create_task(client.get(url(table))))
        await asyncio.sleep(0.1)
    return asked


async def test_a_change_needs_no_new_connection(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, held: Held
) -> None:
    """A limit comes, changes and goes while requests are under way, and cuts none of them."""
    table = await bench.serve([await replica("a", held.answer)])
    asked = [asyncio.create_task(client.get(url(table))) for _ in range(3)]
    await until(lambda: held.now.total() == 3)
    table = await bench.change(table, settings=limited(4))
    await until(lambda: bench.router.status(table.service_id)[1].accepted)
    asked += await asked_until_some_wait(bench, client, table)
    await bench.change(table, settings=EndpointSettings())
    await until(lambda: held.now.total() == len(asked))
    held.release.set()

    assert {(await one).status_code for one in asked} == {200}


async def test_a_split_is_kept(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, held: Held) -> None:
    """With a split the proxy chooses by percent, and all replicas together get no more than they may have."""
    old, new = await replica("old", held.answer), await replica("new", held.answer)
    table = await bench.serve([old, new], settings=limited(5), canaries=1, canary_percent=0)
    asked = asyncio.create_task(statuses(client, table, 12))
    await until(lambda: bench.waiting(table.service_id) == 2)
    held.release.set()

    assert await asked == {200: 12}
    assert not new.seen


async def test_a_replica_that_dies_leaves_its_places(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, held: Held
) -> None:
    """Requests that went to a replica which is no more go to another, and later ones are not held up by them."""
    dying, living = await replica("a", held.answer), await replica("b", held.answer)
    table = await bench.serve([dying, living], settings=limited(2))
    await dying.stop()
    asked = asyncio.create_task(statuses(client, table, 6))
    await until(lambda: len(living.seen) >= 2)
    await bench.change(table, backends=table.backends[1:])
    held.release.set()

    assert await asked == {200: 6}
    await until(lambda: bench.taken(table.service_id) == 0)


async def test_while_no_controller_runs(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, held: Held
) -> None:
    """Nobody is refused then: who waits goes on, what comes passes, and what is under way is not cut. The next
    controller counts them all until they have ended."""
    server = await replica("a", held.answer)
    table = await bench.serve([server], settings=limited(2))
    asked = [asyncio.create_task(client.get(url(table))) for _ in range(3)]
    await until(lambda: bench.waiting(table.service_id) == 1)
    await bench.router.close()
    asked.append(asyncio.create_task(client.get(url(table))))
    await until(lambda: held.now.total() == 4)
    await bench.restart()
    asked += await asked_until_some_wait(bench, client, table)
    held.release.set()

    assert {(await one).status_code for one in asked} == {200}


async def test_the_first_replica(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, held: Held) -> None:
    """Requests that came before there was a replica are let on to it as many at once as it may have, the more urgent
    first; meanwhile they count as held."""
    server = await replica("a", held.answer)
    settings = EndpointSettings(concurrency=ConcurrencyLimit(1, 1, 1), hold_seconds=60)
    table = await bench.serve([], settings=settings)
    asked = asyncio.create_task(statuses(client, table, 5))
    await until(lambda: bench.waiting(table.service_id) == 5)
    urgent = asyncio.create_task(client.get(url(table, "/urgent"), headers={"x-skyserve-priority": "1"}))
    await until(lambda: bench.waiting(table.service_id) == 6)
    await until(lambda: (load := bench.router.load(table.service_id)) is not None and load.held == load.in_flight == 6)
    await bench.change(table, backends=(Backend(1, server.address),))
    await until(lambda: held.now.total() == 1)
    held.release.set()

    assert await asked == {200: 5}
    assert (await urgent).status_code == 200
    assert server.seen[0].target == "/urgent"
    assert max(held.most.values()) == 1
