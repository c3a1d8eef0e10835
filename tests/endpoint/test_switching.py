"""The policy and the protocol of a service change while requests flow."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from skyserve.model.affinity import Affinity
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.route import BackendStatus
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request
from tests.endpoint.test_streaming import Script

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEAST = LoadBalancingPolicy.LEAST_LOAD
SETTINGS = EndpointSettings(affinity=Affinity(header="x-session"))


async def test_every_policy_after_every_other(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Through all policies no request fails, no kept connection is cut and a stream goes on."""
    script = Script()

    async def answer(request: Request, reply: Reply) -> None:
        await (script(request, reply) if request.target == "/stream" else reply.send(200, b""))

    table = await bench.serve([await replica(name, answer) for name in "abc"], LEAST, settings=SETTINGS)
    statuses: Counter[int] = Counter()
    done = asyncio.Event()

    async def load(**request: Any) -> None:
        while not done.is_set():
            statuses[(await client.request(url=url(table), **request)).status_code] += 1

    async def on_one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", table.port)
        while not done.is_set():
            writer.write(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
            statuses[int((await reader.readuntil(b"\r\n\r\n")).split()[1])] += 1
        writer.close()

    async with client.stream("GET", url(table, "/stream")) as response, asyncio.TaskGroup() as tasks:
        stream = response.aiter_raw()
        tasks.create_task(load(method="GET", headers={"x-session": "1"}))
        tasks.create_task(load(method="POST", json={"prompt": "once upon a time"}))
        tasks.create_task(on_one_connection())
        for policy in (*LoadBalancingPolicy, LEAST):
            table = await bench.change(table, policy=policy)
            for backend in table.backends:
                await bench.accepted(table.service_id, backend.replica_id)
            seen = statuses.total()
            await until(lambda seen=seen: statuses.total() > seen + 60)  # type: ignore[misc]
            script.say(policy.value.encode())
            assert await anext(stream) == policy.value.encode()
        done.set()
        script.say(b"")

    assert set(statuses) == {200}


async def test_a_stream_that_began_before_a_switch_keeps_its_replica(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """A replica that drains after the switch counts as busy until the stream of before has ended."""
    script = Script()
    table = await bench.serve([await replica("a", script)], LEAST)

    def status(service_id: int) -> Mapping[int, BackendStatus]:
        return bench.router.status(service_id)  # of a router that may be another one by now

    async with client.stream("GET", url(table)) as response:
        stream = response.aiter_raw()
        script.say(b"begun")
        assert await anext(stream) == b"begun"
        await until(lambda: status(table.service_id)[1].in_flight == 1)
        table = await bench.change(table, policy=LoadBalancingPolicy.ROUND_ROBIN)
        await until(lambda: status(table.service_id)[1].in_flight == 0)  # Envoy has lost track of it
        table = await bench.change(table, backends=(table.backends[0]._replace(draining=True),))
        await until(lambda: not status(table.service_id)[1].accepted)
        assert status(table.service_id)[1].in_flight == 1

        await bench.restart()
        await until(lambda: status(table.service_id)[1].in_flight == 1)
        script.say(b"")
        assert [chunk async for chunk in stream] == []
    await until(lambda: status(table.service_id)[1].in_flight == 0)
