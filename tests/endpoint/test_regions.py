"""Regions that are filled in order, against the real Envoy."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import httpx
import pytest

from skyserve.model.endpoint import ConcurrencyLimit, EndpointSettings, RegionOrder, RegionSettings
from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import PATIENCE_SECONDS, Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Handler, Replica, Reply, Request
from tests.endpoint.test_streaming import Script

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEAST = LoadBalancingPolicy.LEAST_LOAD


class Held:
    """A replica that says its name at once, or, asked for `/hold`, once it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: list[asyncio.Event] = []
        self.now = 0
        """Requests that it holds."""

    async def answer(self, request: Request, reply: Reply) -> None:
        """What the replica does."""
        if request.target == "/hold":
            done = asyncio.Event()
            self._waiting.append(done)
            self.now += 1
            await done.wait()
            self.now -= 1
        await reply.send(200, self.name.encode())

    def let_go(self, count: int) -> None:
        """Answer so many."""
        for _ in range(count):
            self._waiting.pop(0).set()


def settings(spill_at: int, limit: ConcurrencyLimit | None = None) -> EndpointSettings:
    """Regions in order."""
    return EndpointSettings(regions=RegionSettings(RegionOrder.CHEAPEST, spill_at=spill_at), concurrency=limit)


async def in_order(
    bench: Bench,
    replicas: Sequence[Replica],
    ranks: Sequence[int],
    wanted: EndpointSettings,
    policy: LoadBalancingPolicy = LEAST,
) -> RouteTable:
    """A service whose replicas are of regions of these ranks; returns when requests are led."""
    table = await bench.serve(replicas, policy, settings=wanted)
    return await reorder(bench, table, ranks, {one.name for one, rank in zip(replicas, ranks, strict=True) if not rank})


async def reorder(bench: Bench, table: RouteTable, ranks: Sequence[int], first: set[str]) -> RouteTable:
    """Give the replicas these ranks; returns when requests meet none but the first ones."""
    backends = tuple(b._replace(rank=rank) for b, rank in zip(table.backends, ranks, strict=True))
    table = await bench.change(table, backends=backends)
    async with asyncio.timeout(PATIENCE_SECONDS):
        # Each on a connection of its own: Envoy's threads hear of it when they do.
        while {await ask_anew(table) for _ in range(20)} - first:
            pass
    return table


async def ask_anew(table: RouteTable) -> str:
    """Who answers."""
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        return (await client.get(url(table))).text


@pytest.mark.parametrize("policy", [LEAST, LoadBalancingPolicy.ROUND_ROBIN])
async def test_the_excess_goes_to_the_next_region(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, policy: LoadBalancingPolicy
) -> None:
    """Up to the threshold all requests of a burst are in the first region, the excess and no more in the next; a place
    that becomes free in the first region is taken before any other."""
    near, near_too, far = held = [Held(name) for name in "abc"]
    replicas = [await replica(one.name, one.answer) for one in held]
    table = await in_order(bench, replicas, [0, 0, 1], settings(5), policy)
    asked: list[asyncio.Task[httpx.Response]] = []

    async def ask(count: int) -> tuple[int, int, int]:
        asked.extend(asyncio.create_task(client.get(url(table, "/hold"))) for _ in range(count))
        await until(lambda: sum(one.now for one in held) == sum(not one.done() for one in asked))
        return near.now, near_too.now, far.now

    assert await ask(10) == (5, 5, 0)
    assert await ask(4) == (5, 5, 4)
    near.let_go(3)
    await until(lambda: bench.taken(table.service_id) == 11)
    assert await ask(3) == (5, 5, 4)

    for one in held:
        one.let_go(one.now)
    assert {(await one).status_code for one in asked} == {200}
    await until(lambda: bench.taken(table.service_id) == 0)


async def test_each_version_has_its_regions(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """While the requests are split by percent, each kind has its share, and sends it to its own first region."""
    replicas = [await replica(name, Held(name).answer) for name in ("near", "far", "new near", "new far")]
    table = await bench.serve(replicas, LEAST, settings=settings(50), canaries=2, canary_percent=25)
    table = await reorder(bench, table, [0, 1, 0, 1], {"near", "new near"})

    asked = Counter([(await client.get(url(table))).text for _ in range(40)])
    await reorder(bench, await bench.change(table, canary_percent=0), [0, 1, 0, 1], {"near"})

    assert asked == {"near": 30, "new near": 10}


async def test_the_next_region_takes_over(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """When all of the first region dies, no request fails; once it is back, everything goes there again, and stays."""
    near, far = [await replica(name, Held(name).answer) for name in ("near", "far")]
    table = await in_order(bench, [near, far], [0, 1], settings(50))
    answers: list[tuple[int, str]] = []
    done = asyncio.Event()

    async def load() -> None:
        while not done.is_set():
            answer = await client.get(url(table))
            answers.append((answer.status_code, answer.text))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(load())
        await until(lambda: answers[-20:] == [(200, "near")] * 20)
        await near.stop()
        await until(lambda: not bench.router.status(table.service_id)[1].accepted)
        await until(lambda: answers[-20:] == [(200, "far")] * 20)
        await near.start()
        await bench.accepted(table.service_id, 1)
        await until(lambda: answers[-20:] == [(200, "near")] * 20)
        back = len(answers)
        await until(lambda: len(answers) > back + 200)
        done.set()

    assert {status for status, _ in answers} == {200}
    assert {name for _, name in answers[back:]} == {"near"}


async def test_an_order_comes_and_goes(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """To ask for an order, to turn it round and to do without it cuts no stream and no kept connection."""
    script = Script()

    def answers(name: str) -> Handler:
        async def answer(request: Request, reply: Reply) -> None:
            await (script(request, reply) if request.target == "/stream" else reply.send(200, name.encode()))

        return answer

    table = await bench.serve([await replica(name, answers(name)) for name in "ab"], LEAST, settings=settings(50))
    statuses: Counter[int] = Counter()
    done = asyncio.Event()

    async def load() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", table.port)
        while not done.is_set():
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            statuses[int(head.split()[1])] += len(await reader.readexactly(1))
        writer.close()

    async with client.stream("GET", url(table, "/stream")) as response, asyncio.TaskGroup() as tasks:
        stream = response.aiter_raw()
        tasks.create_task(load())
        for ranks, first in (((0, 1), "a"), ((1, 0), "b"), ((0, 0), "ab")):
            table = await reorder(bench, table, ranks, {*first})
            seen = statuses.total()
            await until(lambda seen=seen: statuses.total() > seen + 50)  # type: ignore[misc]
            script.say(first.encode())
            assert await anext(stream) == first.encode()
        done.set()
        script.say(b"")

    assert set(statuses) == {200}


async def test_without_the_controller(bench: Bench, replica: MakeReplica) -> None:
    """While no controller runs requests are spread over all regions alike; the next one leads them again."""
    replicas = [await replica(name, Held(name).answer) for name in ("near", "far")]
    table = await in_order(bench, replicas, [0, 1], settings(50))
    await bench.router.close()
    try:
        names = {await ask_anew(table) for _ in range(20)}
    finally:
        await bench.restart()

    assert names == {"near", "far"}
    await reorder(bench, table, [0, 1], {"near"})


async def test_with_a_limit(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Under a limit of concurrency the order holds too: up to the threshold, then up to the limit; the rest waits."""
    near, far = held = [Held(name) for name in "ab"]
    replicas = [await replica(one.name, one.answer) for one in held]
    table = await in_order(bench, replicas, [0, 1], settings(2, ConcurrencyLimit(3, 100, 60)))
    asked = [asyncio.create_task(client.get(url(table, "/hold"))) for _ in range(3)]
    await until(lambda: near.now + far.now == 3)
    assert (near.now, far.now) == (2, 1)

    asked += [asyncio.create_task(client.get(url(table, "/hold"))) for _ in range(5)]
    await until(lambda: bench.waiting(table.service_id) == 2 and near.now + far.now == 6)
    assert (near.now, far.now) == (3, 3)
    near.let_go(3)
    await until(lambda: sum(one.done() for one in asked) == 3 and near.now == 2)
    for one in held:
        one.let_go(one.now)
    assert {(await one).status_code for one in asked} == {200}


async def test_held_requests(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Requests that came while no replica worked are answered by whichever comes up, and none is lost."""
    near, far = [await replica(name, Held(name).answer) for name in ("near", "far")]
    near.healthy = far.healthy = False
    table = await bench.serve([near, far], LEAST, settings=replace(settings(5), hold_seconds=60))
    ranked = tuple(b._replace(rank=rank) for rank, b in enumerate(table.backends))
    await bench.change(table, backends=ranked)
    asked = [asyncio.create_task(client.get(url(table))) for _ in range(8)]
    await until(lambda: (load := bench.router.load(table.service_id)) is not None and load.held == 8)
    far.healthy = True

    assert {(await one).text for one in asked} == {"far"}
