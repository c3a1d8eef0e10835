"""An Envoy that is out of date is replaced by another, and nobody notices."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from skyserve.endpoint import starting
from skyserve.endpoint.layout import Layout
from skyserve.endpoint.running import Running
from skyserve.endpoint.starting import Generation
from skyserve.endpoint.translate import limits
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import two_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def own(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench whose Envoy may be replaced; in the end nothing is left of it."""
    bench = Bench(tmp_path)
    await bench.router.start([])
    yield bench
    await bench.router.shut_down()
    layout = Layout(tmp_path)
    assert [record for record in (layout.process, layout.former, layout.successor) if Running.recorded(record)] == []
    assert not layout.base_id.exists()


def running(bench: Bench) -> Running:
    """The Envoy that serves."""
    found = Running.recorded(Layout(bench.directory).process)
    assert found is not None
    return found


def epoch(process: Running) -> int:
    """How many came before it."""
    generation = Generation.of(process)
    assert generation is not None
    return generation.epoch


def outdate(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on another release of Envoy would be started."""
    monkeypatch.setattr(starting, "version", lambda _: "another")


@pytest.mark.slow
async def test_replaced_under_load(
    own: Bench, replica: MakeReplica, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While requests come and a stream runs, another Envoy takes over: every request is answered, and the stream goes
    on at the one that was replaced until that one's time is up."""
    monkeypatch.setattr(starting, "DRAIN_SECONDS", 1)
    monkeypatch.setattr(starting, "PARENT_SECONDS", 20)
    go_on, statuses = asyncio.Event(), Counter[int]()
    table = await own.serve([await replica(name, two_parts(go_on)) for name in "ab"])
    old = running(own)
    done = asyncio.Event()

    async def load(fresh: bool) -> None:
        """On kept connections, or a new one for each request."""
        headers = {"connection": "close"} if fresh else {}
        while not done.is_set():
            statuses[(await client.post(url(table), headers=headers)).status_code] += 1

    async with asyncio.TaskGroup() as tasks, client.stream("GET", url(table, "/stream")) as stream:
        events = stream.aiter_lines()
        assert await anext(events) == "data: before"
        for fresh in (False, False, True, True):
            tasks.create_task(load(fresh))
        await until(lambda: statuses.total() > 50)
        outdate(monkeypatch)
        await own.restart()
        new, seen = running(own), statuses.total()
        await own.accepted(table.service_id, 1)
        await until(lambda: statuses.total() > seen + 50)
        go_on.set()
        assert [line async for line in events if line] == ["data: after"]
        done.set()

    assert set(statuses) == {200}
    assert (new.pid, epoch(new)) != (old.pid, epoch(old))
    assert epoch(new) == 1
    await old.exited()


async def test_the_same_envoy_is_kept(own: Bench) -> None:
    """A controller that would start the same Envoy adopts the one that runs."""
    await until(lambda: Running.recorded(Layout(own.directory).process) is not None)
    old = running(own)

    await own.restart()

    assert running(own).pid == old.pid


async def test_one_that_would_not_start_replaces_none(own: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the newer Envoy does not take its configuration, the one that runs goes on."""
    await until(lambda: Running.recorded(Layout(own.directory).process) is not None)
    old = running(own)
    outdate(monkeypatch)
    monkeypatch.setattr(starting, "binary", lambda: Path("/bin/false"))

    await own.restart()

    assert running(own).pid == old.pid


async def test_one_that_has_just_begun_reads_its_configuration_whole(
    own: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written for another Envoy takes nothing from under one that may be reading still."""
    with Layout(own.directory).bootstrap.open() as reading:
        before = Layout(own.directory).bootstrap.read_text()
        outdate(monkeypatch)
        monkeypatch.setattr(starting, "binary", lambda: Path("/bin/false"))

        assert not await starting.would_start(Layout(own.directory))

        assert reading.read() == before


async def test_a_successor_that_a_dead_controller_started_takes_over(
    own: Bench, replica: MakeReplica, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A controller that dies once it has started a successor leaves requests answered by the old one, since the
    successor waits to be told what to serve; the next controller tells it."""
    table = await own.serve([await replica()])
    old = running(own)
    await own.router.close()
    outdate(monkeypatch)
    new = await starting.spawn_successor(Layout(own.directory), 1)
    await until(lambda: Running.recorded(Layout(own.directory).successor) is not None)
    for _ in range(20):
        assert (await client.get(url(table))).status_code == 200

    await own.restart()

    assert running(own).pid == new.pid
    await own.accepted(table.service_id, 1)
    assert (await client.get(url(table))).status_code == 200
    former = Running.recorded(Layout(own.directory).former)
    assert former is not None
    assert former.pid == old.pid


async def test_killed_after_it_took_over(
    own: Bench, replica: MakeReplica, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 of an Envoy that has taken over brings a third one, and ends the first, which nobody would end else."""
    table = await own.serve([await replica()])
    first = running(own)
    outdate(monkeypatch)
    await own.restart()
    second = running(own)
    assert second.pid != first.pid

    second.signal(signal.SIGKILL)

    await first.exited()
    await second.exited()
    await until(lambda: Running.recorded(Layout(own.directory).process) is not None)
    await own.told(table)
    await own.accepted(table.service_id, 1)
    assert epoch(running(own)) == 0
    assert (await client.get(url(table))).status_code == 200


async def test_one_whose_listeners_would_change_is_replaced(
    own: Bench, replica: MakeReplica, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A controller that makes listeners in another way tells no Envoy that runs, which would cut its connections: a
    successor has the new ones, and what is under way ends where it began."""
    monkeypatch.setattr(starting, "DRAIN_SECONDS", 1)
    go_on = asyncio.Event()
    await until(lambda: Running.recorded(Layout(own.directory).process) is not None)
    table = await own.serve([await replica("a", two_parts(go_on))])
    old = running(own)
    async with client.stream("GET", url(table, "/stream")) as stream:
        events = stream.aiter_lines()
        assert await anext(events) == "data: before"
        monkeypatch.setattr(limits, "HEADERS", 201)
        await own.restart()
        await own.accepted(table.service_id, 1)
        assert running(own).pid != old.pid
        go_on.set()
        assert [line async for line in events if line] == ["data: after"]
