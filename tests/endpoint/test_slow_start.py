"""New replicas that get their part of the requests little by little."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest

from skyserve.endpoint.admin import Host
from skyserve.endpoint.slow_start import MARGIN_SECONDS, WARMING_SECONDS, SlowStarts
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.place import Address
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Replica, Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEAST = LoadBalancingPolicy.LEAST_LOAD
WINDOW = 10.0
OVER = WINDOW + MARGIN_SECONDS


class Samples:
    """What is seen of one service of two replicas, at times that the test gives."""

    def __init__(self, window: float = WINDOW) -> None:
        backends = tuple(Backend(n, Address("10.0.0.1", n)) for n in (1, 2))
        settings = EndpointSettings(slow_start=window)
        self._table = RouteTable(7, "hello", 30001, LEAST, backends, settings=settings)
        self._watched = SlowStarts()

    def at(self, now: float, serving: set[int], cluster: str = "one") -> bool:
        """Whether the time of the new ones has just ended."""
        hosts: Mapping[Address, Host] = {
            backend.address: Host(backend.replica_id in serving, 0, 0, 0, 0) for backend in self._table.backends
        }
        ended = self._watched.heed([self._table], lambda _, address: hosts[address], lambda _: cluster, now)
        return ended == [7]


async def test_the_end_is_told_once() -> None:
    """Once the time of a replica is over, that is said, and never again while nothing comes."""
    samples = Samples()

    assert [samples.at(now, {1}) for now in (0, 5, OVER - 0.1, OVER, OVER + 1, 1000)] == [False] * 3 + [True] + [
        False
    ] * 2


async def test_the_last_one_counts() -> None:
    """Replicas that come one after the other have ended when the last has; one that was away is new again."""
    samples = Samples()

    assert not samples.at(0, {1})
    assert not samples.at(5, {1, 2})
    assert not samples.at(OVER, {1, 2})
    assert samples.at(5 + OVER, {1, 2})
    assert not samples.at(50, {1})
    assert not samples.at(51, {1, 2})
    assert samples.at(51 + OVER, {1, 2})


async def test_a_changed_cluster_begins_anew() -> None:
    """When a cluster is changed all its replicas are new, from when Envoy has checked them."""
    samples = Samples()
    samples.at(0, {1, 2})
    assert samples.at(OVER, {1, 2})

    assert not samples.at(100, {1, 2}, "another")
    assert not samples.at(100 + OVER, {1, 2}, "another")
    assert samples.at(100 + OVER + WARMING_SECONDS, {1, 2}, "another")


async def test_services_that_do_not_ask_are_left_alone() -> None:
    """Without a slow start nothing is ever told."""
    samples = Samples(window=0)

    assert not any(samples.at(now, {1, 2}) for now in (0, 100))


class Busy:
    """Replicas whose long requests last until they are released."""

    def __init__(self) -> None:
        self.release = asyncio.Event()

    async def answer(self, request: Request, reply: Reply) -> None:
        if request.target == "/long":
            await self.release.wait()
        await reply.send(200, b"")


async def exact(client: httpx.AsyncClient, table: RouteTable, servers: list[Replica], busy: Busy) -> bool:
    """Whether, with all but one of the replicas busy, each of many requests goes to the idle one."""
    busy.release.clear()
    before = [len(one.seen) for one in servers]
    long = []
    for count in range(1, len(servers)):
        long.append(asyncio.create_task(client.get(url(table, "/long"))))
        await until(lambda count=count: sum(len(one.seen) for one in servers) == sum(before) + count)  # type: ignore[misc]
    taken = [sum(request.target == "/long" for request in one.seen[n:]) for one, n in zip(servers, before, strict=True)]
    for _ in range(20):
        await client.get(url(table))
    met = sorted(len(one.seen) - n for one, n in zip(servers, before, strict=True))
    busy.release.set()
    await asyncio.gather(*long)
    return sorted(taken) == [0, *[1] * (len(servers) - 1)] and met == [*[1] * (len(servers) - 1), 20]


@pytest.mark.slow
async def test_a_new_replica_ramps(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A replica that comes gets less than its part at first; once its time is over the choice of the least busy is
    exact, as it was before it came."""
    busy = Busy()
    servers = [await replica(name, busy.answer) for name in "ab"]
    table = await bench.serve(servers, LEAST, settings=EndpointSettings(slow_start=8))
    while not await exact(client, table, servers, busy):  # noqa: ASYNC110 - Envoy's clock is what is waited for
        await asyncio.sleep(0.1)

    servers.append(await replica("c", busy.answer))
    table = await bench.change(table, backends=(*table.backends, Backend(3, servers[2].address)))
    await bench.accepted(table.service_id, 3)
    for _ in range(40):
        await client.get(url(table))
    assert len(servers[2].seen) < 9  # 13 would be its part, and 2 are expected while its weight is a tenth

    while not await exact(client, table, servers, busy):  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.1)
