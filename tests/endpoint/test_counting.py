"""After a storm nothing is in flight where nothing is, with a limit at each replica and without one."""

import asyncio

import httpx
import pytest

from skyserve.model.endpoint import ConcurrencyLimit, EndpointSettings
from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_LIMIT = EndpointSettings()
LIMITED = EndpointSettings(concurrency=ConcurrencyLimit(per_replica=2, queued=1000, seconds=60))
IMPATIENT = EndpointSettings(concurrency=ConcurrencyLimit(per_replica=1, queued=3, seconds=0.1))


async def storm(bench: Bench, table: RouteTable) -> None:
    """Clients that give up, streams that are cut, connections that are reset, replicas that come and go."""
    number = 0

    async def client() -> None:
        nonlocal number
        async with httpx.AsyncClient(timeout=60) as own:
            while number < 400:
                number += 1
                path, patience = f"/{['plain', 'stream', 'reset', 'slow'][number % 4]}", 0.05 if number % 3 else 30
                try:
                    async with asyncio.timeout(patience):
                        await own.get(url(table, path))
                except (TimeoutError, httpx.TransportError):
                    continue

    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(client())
        for turn in range(6):
            await until(lambda t=turn: number >= 60 * t)  # type: ignore[misc]
            kept = table.backends[turn % 2 :: 2] if turn % 3 else table.backends
            await bench.change(table, backends=tuple(b._replace(draining=b not in kept) for b in table.backends))
    await bench.change(table, backends=table.backends)


async def misbehave(request: Request, reply: Reply) -> None:
    """A replica in such a storm."""
    if request.target == "/reset":
        reply.reset()
    elif request.target == "/stream":
        await reply.begin("text/event-stream")
        for _ in range(3):
            await reply.chunk(b"data: x\n\n")
            await asyncio.sleep(0.02)
        await reply.chunk(b"")
    else:
        await asyncio.sleep(0.2 if request.target == "/slow" else 0)
        await reply.send(200, b"ok")


@pytest.mark.slow
@pytest.mark.parametrize("settings", [NO_LIMIT, LIMITED, IMPATIENT])
async def test_counting_does_not_drift(bench: Bench, replica: MakeReplica, settings: EndpointSettings) -> None:
    """After any storm nothing is in flight where nothing is, and no place is taken."""
    servers = [await replica(name, misbehave) for name in "abcd"]
    table = await bench.serve(servers, LoadBalancingPolicy.LEAST_LOAD, settings=settings)
    await storm(bench, table)

    await until(lambda: not any(s.in_flight for s in bench.router.status(table.service_id).values()))
    await until(lambda: bench.taken(table.service_id) == bench.waiting(table.service_id) == 0)
    assert all(len(server.seen) > 0 for server in servers)
