"""Requests split between replicas on trial and the others, by percent."""

import asyncio
from collections import Counter
from dataclasses import replace

import httpx
import pytest

from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request
from tests.endpoint.test_streaming import Script

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTH = [LoadBalancingPolicy.LEAST_LOAD, LoadBalancingPolicy.ROUND_ROBIN]


async def switch(bench: Bench, table: RouteTable, percent: int | None) -> RouteTable:
    """Another split, once Envoy has it."""
    changed = await bench.change(table, canary_percent=percent)
    for backend in changed.backends:
        await bench.accepted(changed.service_id, backend.replica_id)
    return changed


@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize("percent", [0, 100])
async def test_nothing_and_everything_are_exact(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, policy: LoadBalancingPolicy, percent: int
) -> None:
    """At 0 and at 100 percent no request goes to the other kind."""
    stable, canary = await replica("stable"), await replica("canary")
    table = await bench.serve([stable, canary], policy, canaries=1, canary_percent=percent)

    for method in ("GET", "POST") * 20:
        assert (await client.request(method, url(table))).status_code == 200

    assert (len(stable.seen), len(canary.seen)) == ((40, 0) if percent == 0 else (0, 40))


async def test_a_percentage_is_kept_whatever_the_numbers(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """Ten percent go to the trial, though its replicas are half of all; within a kind each gets its part."""
    stable, trial = [await replica(name) for name in "ab"], [await replica(name) for name in "cd"]
    table = await bench.serve([*stable, *trial], canaries=2, canary_percent=10)

    for _ in range(800):
        await client.get(url(table))

    # 80 are expected, with a standard deviation of 8.5.
    assert 30 < sum(len(one.seen) for one in trial) < 130
    assert min(len(one.seen) for one in stable) > 300
    assert min(len(one.seen) for one in trial) > 0


async def test_without_a_percentage_marks_mean_nothing(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """All replicas take turns, on trial or not."""
    replicas = [await replica(name) for name in "abc"]
    table = await bench.serve(replicas, canaries=1)

    for _ in range(9):
        await client.get(url(table))

    assert [len(one.seen) for one in replicas] == [3, 3, 3]


@pytest.mark.parametrize("canaries", [1, 2])
@pytest.mark.parametrize("policy", BOTH)
async def test_one_kind_takes_over_when_all_of_the_other_die(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, policy: LoadBalancingPolicy, canaries: int
) -> None:
    """All canaries, or all stable replicas, die under load: every GET is answered, and so is every POST that comes
    after their death."""
    replicas = [await replica(name) for name in "abc"]
    table = await bench.serve(replicas, policy, canaries=canaries, canary_percent=50)
    dying = replicas[3 - canaries :] if canaries == 2 else replicas[: 3 - canaries]
    living = [one for one in replicas if one not in dying]
    statuses: Counter[int] = Counter()

    async def load() -> None:
        while statuses.total() < 400:
            statuses[(await client.get(url(table))).status_code] += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(load())
        await until(lambda: statuses.total() > 100)
        for one in dying:
            assert one.seen
            await one.stop()
    before = sum(len(one.seen) for one in living)
    for _ in range(20):
        statuses[(await client.post(url(table))).status_code] += 1

    assert set(statuses) == {200}
    assert sum(len(one.seen) for one in living) == before + 20


async def test_a_kind_without_replicas_is_replaced_by_the_other(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """A percentage before there is a canary, or after the last stable replica is gone, fails no request."""
    only = await replica("only")
    table = await bench.serve([only], canary_percent=50)
    statuses = [(await client.get(url(table))).status_code for _ in range(20)]
    table = await bench.change(table, backends=(table.backends[0]._replace(canary=True),))
    await bench.accepted(table.service_id, 1)
    statuses += [(await client.get(url(table))).status_code for _ in range(20)]

    assert set(statuses) == {200}
    assert len(only.seen) == 40


async def test_draining_canaries_get_nothing(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """When all of a kind drain, its share goes to the other."""
    stable, canary = await replica("stable"), await replica("canary")
    table = await bench.serve([stable, canary], canaries=1, canary_percent=50)
    table = await bench.change(table, backends=(table.backends[0], table.backends[1]._replace(draining=True)))
    await until(lambda: not bench.router.status(table.service_id)[2].accepted)
    await bench.accepted(table.service_id, 1)

    assert [(await client.get(url(table))).json()["replica"] for _ in range(20)] == ["stable"] * 20


async def test_switching_under_load_fails_nothing(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """The split comes, changes, turns round and goes while requests flow: none fails and no connection is cut."""
    replicas = [await replica(name) for name in "abc"]
    table = await bench.serve(replicas, LoadBalancingPolicy.LEAST_LOAD)
    marked = tuple(backend._replace(canary=backend.replica_id == 3) for backend in table.backends)
    statuses: Counter[int] = Counter()
    done = asyncio.Event()

    async def load(method: str) -> None:
        while not done.is_set():
            statuses[(await client.request(method, url(table))).status_code] += 1

    async def on_one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", table.port)
        while not done.is_set():
            writer.write(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
            statuses[int((await reader.readuntil(b"\r\n\r\n")).split()[1])] += 1
        writer.close()

    async with asyncio.TaskGroup() as tasks:
        for method in ("GET", "POST") * 3:
            tasks.create_task(load(method))
        tasks.create_task(on_one_connection())
        for percent in (10, 50, 100, None, 0, 50, None):
            table = await switch(bench, replace(table, backends=marked), percent)
            seen = statuses.total()
            await until(lambda seen=seen: statuses.total() > seen + 50)  # type: ignore[misc]
        done.set()

    assert set(statuses) == {200}


async def test_a_stream_outlives_its_split(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A stream that began on a canary goes on when the split changes and goes, when the replica is no canary any more
    and when it drains; all the while it counts as one request in flight."""
    script = Script()
    table = await bench.serve([await replica("a"), await replica("b", script)], canaries=1, canary_percent=100)
    stable, canary = table.backends
    service_id = table.service_id

    def in_flight() -> list[int]:
        return [status.in_flight for _, status in sorted(bench.router.status(service_id).items())]

    def draining(backend: Backend) -> bool:
        return not bench.router.status(service_id)[backend.replica_id].accepted

    async with client.stream("GET", url(table)) as response:
        stream = response.aiter_raw()
        script.say(b"0")
        assert await anext(stream) == b"0"
        for percent in (10, None, 0):
            table = await switch(bench, table, percent)
            script.say(f"{percent}".encode())
            assert await anext(stream) == f"{percent}".encode()
            await until(lambda: in_flight() == [0, 1])
        for changed in (canary._replace(canary=False), canary._replace(draining=True)):
            table = await bench.change(table, backends=(stable, changed), canary_percent=None)
            await bench.accepted(service_id, stable.replica_id)
            await until(lambda b=changed: draining(b) == b.draining)  # type: ignore[misc]
            script.say(b"more")
            assert await anext(stream) == b"more"
            await until(lambda: in_flight() == [0, 1])
        script.say(b"")
        assert [chunk async for chunk in stream] == []
    await until(lambda: in_flight() == [0, 0])


async def test_a_split_outlives_the_controller(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A new router over the Envoy that runs keeps the split, and both kinds count as accepted."""
    stable, canary = await replica("stable"), await replica("canary")
    table = await bench.serve([stable, canary], canaries=1, canary_percent=100)
    await bench.restart()
    for number in (1, 2):
        await bench.accepted(table.service_id, number)

    assert [(await client.get(url(table))).json()["replica"] for _ in range(10)] == ["canary"] * 10
    load = bench.router.load(table.service_id)
    assert load is not None
    await until(lambda: (bench.router.load(table.service_id) or load).arrived == 10)


async def test_least_load_holds_within_a_kind(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """While one of two canaries is busy, the requests of the trial go to the other."""
    release = asyncio.Event()

    async def answer(request: Request, reply: Reply) -> None:
        if request.target == "/long":
            await release.wait()
        await reply.send(200, b"")

    replicas = [await replica(name, answer) for name in "abc"]
    table = await bench.serve(replicas, LoadBalancingPolicy.LEAST_LOAD, canaries=2, canary_percent=100)
    long = asyncio.create_task(client.get(url(table, "/long")))
    await until(lambda: sum(len(one.seen) for one in replicas) == 1)
    for _ in range(10):
        await client.get(url(table))
    release.set()
    await long

    assert sorted(len(one.seen) for one in replicas) == [0, 1, 10]
    assert not replicas[0].seen
