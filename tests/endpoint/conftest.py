"""One Envoy for each module, replicas for each test."""

import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from skyserve.endpoint.layout import Layout
from skyserve.endpoint.running import Running
from skyserve.endpoint.starting import clear
from tests.endpoint.bench import Bench
from tests.endpoint.replica import Handler, Replica

MakeReplica = Callable[..., Awaitable[Replica]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """A router that serves nothing yet."""
    bench = Bench(tmp_path_factory.mktemp("e"))
    await bench.router.start([])
    yield bench
    await bench.router.shut_down()


@pytest_asyncio.fixture(loop_scope="module")
async def replica() -> AsyncIterator[MakeReplica]:
    """Starts replicas, and stops them in the end."""
    made: list[Replica] = []

    async def make(name: str = "a", handler: Handler | None = None, tls: ssl.SSLContext | None = None) -> Replica:
        made.append(await Replica(name, handler, tls=tls).start())
        return made[-1]

    yield make
    for one in made:
        await one.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Speaks HTTP/1.1, and waits long."""
    async with httpx.AsyncClient(timeout=60) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A directory whose Envoy, if any, is ended in the end. Its name is short, as the paths of sockets must be."""
    directory = tmp_path_factory.mktemp("e")
    yield directory
    if (left := Running.recorded(Layout(directory).process)) is not None:
        left.signal(signal.SIGKILL)
        await left.exited()
    clear(Layout(directory))
