"""Replicas that refuse whoever does not show their key, behind an endpoint that does."""

import asyncio
from dataclasses import replace
from functools import partial

import httpx
import pytest

from skyserve.model.endpoint import ConcurrencyLimit, EndpointSettings, ReplicaKey
from skyserve.model.route import Backend, RouteTable
from tests.endpoint.bench import PATIENCE_SECONDS, Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Handler, Replica, Reply, Request
from tests.endpoint.steady import Steady, steady

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD, NEW = ReplicaKey("hunter2-old"), ReplicaKey("hunter2-new")
KEYED = EndpointSettings(replica_key=OLD)


def guarded(key: ReplicaKey) -> Handler:
    """Answers 401 to whoever does not show the key."""

    async def answer(request: Request, reply: Reply) -> None:
        shown = request.headers.get(key.header) == key.sent
        await reply.send(200 if shown else 401, b"")

    return answer


def backend(number: int, replica: Replica, key: ReplicaKey | None) -> Backend:
    """A replica that was started with the key."""
    return Backend(number, replica.address, key=key)


async def serve(bench: Bench, settings: EndpointSettings, *backends: Backend) -> RouteTable:
    """A service of these; returns when Envoy has them."""
    table = await bench.serve([], settings=settings)
    table = await bench.change(table, backends=backends)
    for one in backends:
        await bench.accepted(table.service_id, one.replica_id)
    return table


async def test_the_key_opens_replicas(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Through the endpoint a request passes, whatever its client shows; past it, it is refused."""
    server = await replica("a", guarded(OLD))
    table = await serve(bench, KEYED, backend(1, server, OLD))

    assert (await client.get(f"http://{server.address}/")).status_code == 401
    for headers in ({}, {"authorization": "Bearer mine"}, {"authorization": "Basic bWluZQ=="}):
        assert (await client.post(url(table), headers=headers, content=b"{}")).status_code == 200


async def test_any_header_may_hold_it(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """In a header of the service's own choice stands the bare key, and Authorization is the client's."""
    key = ReplicaKey("hunter2", "x-api-key")
    server = await replica("a")
    table = await serve(bench, EndpointSettings(replica_key=key), backend(1, server, key))

    await client.get(url(table), headers={"authorization": "Bearer mine", "x-api-key": "theirs"})

    assert server.seen[0].headers["x-api-key"] == "hunter2"
    assert server.seen[0].headers["authorization"] == "Bearer mine"


async def test_each_replica_is_shown_its_own(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Replicas with one key, with another, and with none serve side by side; the last sees what its client wrote."""
    servers = [await replica("old", guarded(OLD)), await replica("new", guarded(NEW)), await replica("open")]
    backends = [backend(n, one, key) for n, (one, key) in enumerate(zip(servers, (OLD, NEW, None), strict=True), 1)]
    table = await serve(bench, KEYED, *backends)

    for _ in range(9):
        assert (await client.get(url(table), headers={"authorization": "Bearer mine"})).status_code == 200

    assert all(len(server.seen) == 3 for server in servers)
    assert {request.headers["authorization"] for request in servers[2].seen} == {"Bearer mine"}


async def test_a_retry_shows_the_key_of_the_next(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A request whose replica hangs up goes to another one with that one's key."""

    async def hang_up(_: Request, reply: Reply) -> None:
        reply.reset()

    first, second = await replica("first", hang_up), await replica("second", guarded(NEW))
    table = await serve(bench, KEYED, backend(1, first, OLD), backend(2, second, NEW))

    for _ in range(4):
        assert (await client.get(url(table))).status_code == 200
    assert first.seen[0].headers["authorization"] == OLD.sent


async def test_a_new_key_loses_no_request(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """While requests flow, a replica with a new key takes over from one with the old key, which had taken over from
    one without: none is refused, and the listener is the same."""
    open_one, old, new = await replica("open"), await replica("old", guarded(OLD)), await replica("new", guarded(NEW))
    table = await serve(bench, EndpointSettings(), backend(1, open_one, None))
    listeners = await bench.admin("/config_dump", {"resource": "dynamic_listeners"})

    async def takes_over(load: Steady, table: RouteTable, settings: EndpointSettings, coming: Backend) -> RouteTable:
        # As an update: the settings are known from its beginning, the replica comes later.
        table = await bench.change(table, settings=settings)
        await until(lambda: bench.router.status(table.service_id)[coming.replica_id - 1].accepted)
        table = await bench.change(table, backends=(*table.backends, coming))
        await bench.accepted(table.service_id, coming.replica_id)
        await load.more(20)
        draining = tuple(one._replace(draining=one.replica_id != coming.replica_id) for one in table.backends)
        table = await bench.change(table, backends=draining)
        await load.more(20)
        return await bench.change(table, backends=(coming,))

    async with steady(client, url(table)) as load:
        table = await takes_over(load, table, KEYED, backend(2, old, OLD))
        await takes_over(load, table, replace(KEYED, replica_key=NEW), backend(3, new, NEW))

    assert set(load.statuses) == {200}
    assert old.seen and new.seen
    assert await bench.admin("/config_dump", {"resource": "dynamic_listeners"}) == listeners


async def test_health_checks_show_it(bench: Bench, replica: MakeReplica) -> None:
    """Envoy's own checks are requests too: a replica that answers only those with the key is healthy."""
    server = await replica("a")
    server.key = OLD
    await serve(bench, KEYED, backend(1, server, OLD))


async def test_who_waited_is_let_in(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A request that waited for its replica, in the waiting room or at the gate, is shown with the key."""
    server = await replica("a", guarded(OLD))
    limit = ConcurrencyLimit(per_replica=1, queued=9, seconds=PATIENCE_SECONDS)
    for settings in (replace(KEYED, hold_seconds=60), replace(KEYED, hold_seconds=60, concurrency=limit)):
        table = await bench.serve([], settings=settings)
        asked = asyncio.create_task(client.post(url(table), content=b"{}", headers={"authorization": "Bearer mine"}))
        await until(partial(_someone_waits, bench, table))
        await bench.change(table, backends=(backend(1, server, OLD),))
        assert (await asked).status_code == 200


def _someone_waits(bench: Bench, table: RouteTable) -> bool:
    load = bench.router.load(table.service_id)
    return load is not None and load.held > 0


async def test_the_key_is_in_no_file(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Nothing that the endpoint writes holds it, nor does any text that a table is shown as."""
    server = await replica("a", guarded(OLD))
    table = await serve(bench, KEYED, backend(1, server, OLD))
    await client.get(url(table))

    written = [file for file in bench.directory.rglob("*") if file.is_file()]

    assert written
    assert [file.name for file in written if OLD.key.encode() in file.read_bytes()] == []
    assert OLD.key not in repr(table)
