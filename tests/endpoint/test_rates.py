"""Limits of requests in time, of keys and of services, against the real Envoy."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from skyserve.model.endpoint import EndpointSettings, RateLimit
from skyserve.model.route import RouteTable
from tests.endpoint.bench import Bench, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import two_parts
from tests.endpoint.test_keys import answers, bearer, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW = RateLimit(per_second=0.1, burst=3)
"""What is used up is not there again before a test has ended, unless that takes half a minute."""


async def statuses(client: httpx.AsyncClient, table: RouteTable, number: int) -> list[int]:
    """Of so many requests, one after the other."""
    return [(await client.get(url(table))).status_code for _ in range(number)]


async def test_a_service_takes_so_many(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Beyond its burst requests are refused with the time to wait, whoever sends them; no replica hears of these, and
    other services are not affected."""
    a = await replica()
    table = await bench.serve([a], settings=EndpointSettings(rate=SLOW))
    other = await bench.serve([await replica()], settings=EndpointSettings(rate=SLOW))
    assert await statuses(client, table, 3) == [200] * 3
    refused = await client.get(url(table))

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "10"
    assert not [name for name in refused.headers if name.startswith("x-ratelimit")]
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_exceeded", 429)
    assert "max_requests_per_second" in error["message"]
    assert len(a.seen) == 3
    assert await statuses(client, other, 3) == [200] * 3


async def test_the_limit_comes_and_goes(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A limit is felt soon after it was set, and not once it is lifted; a stream under way is not cut by either."""
    go_on = asyncio.Event()
    table = await bench.serve([await replica("a", two_parts(go_on))])
    async with client.stream("GET", url(table, "/stream")) as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == "data: before"
        table = await bench.change(table, settings=EndpointSettings(rate=SLOW))
        await answers(client, table, {}, 429)
        await bench.change(table, settings=EndpointSettings())
        await answers(client, table, {}, 200)
        go_on.set()
        assert [line async for line in lines if line] == ["data: after"]


async def test_what_is_used_up_stays_so(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Another key, other settings, and replicas that come and go give nobody new requests."""
    (key, rule), (_, another) = new_key(requests_per_minute=2), new_key(requests_per_minute=2)
    a = await replica()
    settings = EndpointSettings(require_key=True, rate=replace(SLOW, burst=4))
    table = await bench.serve([a], settings=settings, keys=[rule])
    for _ in range(3):
        last = await client.get(url(table), headers=bearer(key))
    assert last.status_code == 429
    assert "API key" in last.json()["error"]["message"]

    (new, fresh) = new_key()
    changed = replace(settings, max_request_bytes=10**6)
    table = await bench.change(table, keys=(rule, another, fresh), settings=changed, backends=())
    last = await answers(client, table, bearer(new), 503)
    assert not [name for name in last.headers if name.startswith("x-ratelimit")]
    assert (await client.get(url(table), headers=bearer(key))).status_code == 429
    refused = [(await client.get(url(table), headers=bearer(new))) for _ in range(3)][-1]
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
