"""Replicas that differ in what they can take: policy instance_aware_least_load against the real Envoy."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Replica, Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def weighted(bench: Bench, replicas: Sequence[Replica], weights: Sequence[float]) -> RouteTable:
    """A service whose replicas have these weights; returns when Envoy has heard of them."""
    table = await bench.serve(replicas, LoadBalancingPolicy.INSTANCE_AWARE_LEAST_LOAD)
    backends = tuple(b._replace(weight=weight) for b, weight in zip(table.backends, weights, strict=True))
    changed = await bench.change(table, backends=backends)
    await until(lambda: all(s.accepted for s in bench.router.status(table.service_id).values()))
    return changed


async def test_three_times_the_target_gets_three_times_as_many(bench: Bench, replica: MakeReplica) -> None:
    """Of many requests in flight each replica has its part by what it can take; none is left out."""
    release = asyncio.Event()

    async def answer(request: Request, reply: Reply) -> None:
        await release.wait()
        await reply.send(200, b"")

    replicas = [await replica(name, answer) for name in "abc"]
    table = await weighted(bench, replicas, [3, 1, 2])
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=200)) as client:
        asked = [asyncio.create_task(client.get(url(table))) for _ in range(120)]
        await until(lambda: sum(len(one.seen) for one in replicas) == 120)
        large, small, middle = (len(one.seen) for one in replicas)
        release.set()
        await asyncio.gather(*asked)

    assert 50 <= large <= 70
    assert 12 <= small <= 28
    assert 32 <= middle <= 48


async def test_a_busy_one_gets_less(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A replica that can take more, and hangs, is passed over by those that would have it fuller than the other."""
    release = asyncio.Event()

    async def hang(request: Request, reply: Reply) -> None:
        await release.wait()
        await reply.send(200, b"")

    large, small = await replica("large", hang), await replica("small")
    table = await weighted(bench, [large, small], [3, 1])
    asked = []
    for count in range(1, 61):  # one after the other: only those that hang are in flight
        asked.append(asyncio.create_task(client.get(url(table))))
        await until(lambda count=count: len(large.seen) + len(small.seen) == count)  # type: ignore[misc]
    hung = len(large.seen)
    release.set()
    await asyncio.gather(*asked)

    assert 10 < hung < 40


async def test_a_lone_request_finds_the_small_one_too(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """With nothing in flight the replica that can take most is liked best, and the other one gets its turn."""
    large, small = await replica("large"), await replica("small")
    table = await weighted(bench, [large, small], [3, 1])
    for _ in range(100):
        await client.get(url(table))

    assert len(large.seen) > len(small.seen) > 0
