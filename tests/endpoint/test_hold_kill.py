"""kill -9 of the controller while requests wait for a replica; against the real Envoy."""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from skyserve.model.endpoint import EndpointSettings
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import BASE_PORT, PATIENCE_SECONDS, Bench, until
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.raw import connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTROLLER = """
import asyncio, sys
from pathlib import Path
from skyserve.endpoint.router import EnvoyRouter
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy

async def main(directory, port, most):
    settings = EndpointSettings(hold_seconds=600, max_held_requests=int(most))
    router = EnvoyRouter(Path(directory), base_port=0, host="127.0.0.1")
    await router.start([RouteTable(1, "held", int(port), LoadBalancingPolicy.LEAST_LOAD, settings=settings)])
    while True:
        load = router.load(1)
        print("?" if load is None else load.held, flush=True)
        await asyncio.sleep(0.1)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may have as many connections as it is allowed at all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@asynccontextmanager
async def doomed(directory: Path, table: RouteTable) -> AsyncIterator[asyncio.subprocess.Process]:
    """A controller of its own process that serves the table, and is killed in the end."""
    most = str(table.settings.max_held_requests)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CONTROLLER, str(directory), str(table.port), most, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def told(process: asyncio.subprocess.Process, held: int) -> None:
    """Until it says that so many wait."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await process.stdout.readline() != b"%d\n" % held:
            pass


async def status(table: RouteTable, number: int) -> int:
    """Of the answer to a POST of that number."""
    body = b"%d" % number
    async with asyncio.timeout(5 * PATIENCE_SECONDS), connected(table) as (reader, writer):
        writer.write(b"POST /%d HTTP/1.1\r\nHost: held\r\nContent-Length: %d\r\n\r\n%b" % (number, len(body), body))
        return int((await reader.readuntil(b"\r\n")).split()[1])


def asked(table: RouteTable, numbers: Sequence[int]) -> list["asyncio.Task[int]"]:
    """A POST of each number, under way."""
    return [asyncio.create_task(status(table, number)) for number in numbers]


async def in_flight(bench: Bench, number: int) -> None:
    """Until so many are at Envoy."""
    name = "http.service-1.downstream_rq_active"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await bench.stats(name) != {name: number}:  # noqa: ASYNC110 - what is awaited is another process
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("number", "most"), [pytest.param(1000, 10_000, marks=pytest.mark.slow), (100, 100)])
async def test_nobody_who_waits_is_lost(
    own: Path, replica: MakeReplica, many_files: None, number: int, most: int
) -> None:
    """Each request that waited is answered once by the replica that the next controller brings. Where the room was full
    those who had come in keep their places, however quick others are who came while no controller ran."""
    bench = Bench(own)
    settings = EndpointSettings(hold_seconds=600, max_held_requests=most)
    table = RouteTable(1, "held", BASE_PORT, LoadBalancingPolicy.LEAST_LOAD, settings=settings)
    excess = min(20, max(0, number + 20 - most))
    try:
        async with doomed(own, table) as controller:
            await bench.told(table)
            waiting = asked(table, range(number))
            await told(controller, number)
            refused = await asyncio.gather(*asked(table, range(number, number + excess)))
        late = asked(table, range(2000, 2020))
        await in_flight(bench, number + 20)
        await bench.router.start([table])
        await until(lambda: all(one.done() for one in late) == bool(excess) and held(bench) == number + 20 - excess)
        server = await replica()
        await bench.router.apply(replace(table, backends=(Backend(1, server.address),)))
        statuses, others = await asyncio.gather(*waiting), await asyncio.gather(*late)
    finally:
        await bench.router.shut_down()

    assert statuses == [200] * number
    assert {*refused, *others} == ({503} if excess else {200})
    reached = sorted(int(request.target[1:]) for request in server.seen)
    assert reached == [*range(number), *([] if excess else range(2000, 2020))]


def held(bench: Bench) -> int:
    """How many wait in the room of this process."""
    load = bench.router.load(1)
    return load.held if load else -1
