"""Requests reach replicas, and answers come back as they were given."""

import asyncio
import json

import httpx
import pytest

from skyserve.endpoint.layout import Layout
from skyserve.model.place import Address
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import BASE_PORT, Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_services_have_ports_of_their_own(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Two services, two ports from the base up, each answered by its own replica."""
    first = await bench.serve([await replica("one")])
    second = await bench.serve([await replica("two")])

    assert BASE_PORT <= first.port < second.port
    assert (await client.get(url(first))).json()["replica"] == "one"
    assert (await client.get(url(second))).json()["replica"] == "two"


async def test_round_robin_takes_turns(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Three replicas get a third of the requests each."""
    replicas = [await replica(name) for name in "abc"]
    table = await bench.serve(replicas, LoadBalancingPolicy.ROUND_ROBIN)

    for _ in range(9):
        await client.get(url(table))

    assert [len(one.seen) for one in replicas] == [3, 3, 3]


async def test_least_load_avoids_the_busy(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """While two of three replicas are busy, every request goes to the third."""
    release = asyncio.Event()

    async def answer(request: Request, reply: Reply) -> None:
        if request.target == "/long":
            await release.wait()
        await reply.send(200, b"")

    replicas = [await replica(name, answer) for name in "abc"]
    table = await bench.serve(replicas, LoadBalancingPolicy.LEAST_LOAD)
    long = []
    for _ in range(2):  # one after the other: two of Envoy's threads that choose at one moment may choose the same
        long.append(asyncio.create_task(client.get(url(table, "/long"))))
        await until(lambda: sum(len(one.seen) for one in replicas) == len(long))
    for _ in range(10):
        await client.get(url(table))

    assert sorted(len(one.seen) for one in replicas) == [1, 1, 10]
    await until(lambda: sum(s.in_flight for s in bench.router.status(table.service_id).values()) == 2)
    release.set()
    await asyncio.gather(*long)
    await until(lambda: sum(s.in_flight for s in bench.router.status(table.service_id).values()) == 0)


async def test_policy_changes_under_way(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A change of policy loses no request."""
    table = await bench.serve([await replica("a"), await replica("b")], LoadBalancingPolicy.LEAST_LOAD)
    statuses = []
    await bench.change(table, policy=LoadBalancingPolicy.ROUND_ROBIN)
    while not all(status.accepted for status in bench.router.status(table.service_id).values()):
        statuses.append((await client.get(url(table))).status_code)
    statuses.append((await client.get(url(table))).status_code)

    assert set(statuses) == {200}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
async def test_methods(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, method: str) -> None:
    """Every method arrives with its path, query and body."""
    server = await replica()
    table = await bench.serve([server])
    body = b"x" * 100 if method in ("POST", "PUT", "PATCH") else b""

    response = await client.request(method, url(table, "/v1/x%2Fy?q=1&r=%20"), content=body)

    assert response.status_code == 200
    [seen] = server.seen
    assert (seen.method, seen.target, seen.body) == (method, "/v1/x%2Fy?q=1&r=%20", body)


async def test_headers_pass_as_they_are(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A client's request id is kept, and nothing tells that there is an Envoy."""
    server = await replica()
    table = await bench.serve([server])
    sent = {
        "x-request-id": "77e3b2a0-1111-9222-8333-444455556666",
        "x-envoy-retry-on": "5xx",
        "authorization": "Bearer k",
    }

    response = await client.get(url(table), headers=sent)

    received = server.seen[0].headers
    assert received["x-request-id"] == sent["x-request-id"]
    assert received["authorization"] == "Bearer k"
    assert received["x-forwarded-for"]
    assert [name for name in (*received, *response.headers) if "envoy" in name] == []
    assert response.headers["server"] == "replica"


async def test_large_bodies_and_headers(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A body larger than any buffer and a header of 100 KiB pass."""
    server = await replica()
    table = await bench.serve([server])

    response = await client.post(url(table), content=b"x" * 20_000_000, headers={"x-long": "y" * 100_000})

    assert response.status_code == 200
    assert len(server.seen[0].body) == 20_000_000
    assert len(server.seen[0].headers["x-long"]) == 100_000


async def test_no_replica_is_told_clearly(bench: Bench, client: httpx.AsyncClient) -> None:
    """Without replicas the answer is a 503 in JSON that says which service, what to do, and when to try again."""
    table = await bench.serve([])

    response = await client.post(url(table), headers={"x-request-id": "me"})

    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.headers["content-type"] == "application/json"
    assert "server" not in response.headers
    error = response.json()["error"]
    assert error["type"] == "no_ready_replica"
    assert error["code"] == 503
    assert error["request_id"] == "me"
    assert f"sky serve status {table.name}" in error["message"]


async def test_unhealthy_replica_is_not_accepted(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A replica whose health check fails is neither accepted nor sent requests, and both change when it recovers."""
    server = await replica()
    server.healthy = False
    table = await bench.serve([server], health_path="/health")

    assert not bench.router.status(table.service_id)[1].accepted
    assert (await client.get(url(table))).status_code == 503
    server.healthy = True
    await bench.accepted(table.service_id, 1)
    assert (await client.get(url(table))).status_code == 200


async def test_replica_with_a_host_name(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A replica may be given by the name of its machine; one with an unknown name is left out."""
    server = await replica()
    named = Address("localhost", server.address.port)
    table = await bench.serve([named, Address("no-such-host.invalid", 80)], health_path=None)
    await bench.accepted(table.service_id, 1)

    assert (await client.get(url(table))).status_code == 200
    assert not bench.router.status(table.service_id)[2].accepted


async def test_access_log_holds_no_secret(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """One JSON line a request, in the service's own file, without headers and query."""
    server = await replica()
    table = await bench.serve([server])
    await client.get(
        url(table, "/v1/models?key=sesame"),
        headers={"authorization": "sesame", "cookie": "sesame", "x-request-id": "r1"},
    )

    file = bench.router.access_log(table.service_id)
    await until(lambda: file.exists() and file.stat().st_size > 0)
    text = file.read_text()
    line = json.loads(text)
    assert (line["path"], line["status"], line["request_id"]) == ("/v1/models", 200, "r1")
    assert (line["service"], line["replica"], line["version"]) == (table.name, 1, 0)
    assert line["address"] == str(server.address)
    assert "sesame" not in text
    assert file.parent.stat().st_mode & 0o077 == 0


async def test_removed_service_is_closed(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Removing a service closes its port and deletes its access log, and what was counted; its port is free for the
    next."""
    table = await bench.serve([await replica()])
    await client.get(url(table))
    del bench.tables[table.service_id]

    await bench.router.remove(table.service_id)

    await bench.closed(table.port)
    assert not bench.router.access_log(table.service_id).exists()
    assert not Layout(bench.directory).tally(table.service_id).exists()
    assert bench.router.status(table.service_id) == {}
