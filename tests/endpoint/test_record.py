"""What is told of requests that have ended: in the access log, and in counts."""

import asyncio
import json
import signal
from collections import Counter
from typing import Any

import httpx
import pytest

from skyserve.endpoint.layout import Layout
from skyserve.endpoint.running import Running
from skyserve.model.key import KeyCount
from skyserve.model.route import RouteTable
from skyserve.model.traffic import Answers
from tests.access_log import KEYS
from tests.endpoint.bench import REFUSING, Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.raw import answer_to
from tests.endpoint.replica import Reply, Request
from tests.endpoint.test_keys import REQUIRED, bearer, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def lines(bench: Bench, table: RouteTable, count: int) -> list[dict[str, Any]]:
    """So many, as soon as they are there."""
    file = bench.router.access_log(table.service_id)
    await until(lambda: file.exists() and file.read_bytes().count(b"\n") == count)
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_what_is_told_is_documented(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Of each request the same, in the order in which people look for it; what there is none of is null."""
    table = await bench.serve([await replica()])
    await client.post(url(table, "/v1?q=1"), content=b"12345", headers={"x-request-id": 'a"\\b'})
    await answer_to(table, b"GET / HTTP/1.1\r\nno header\r\n\r\n")
    good, bad = await lines(bench, table, 2)

    assert set(good) == set(bad) == KEYS
    assert list(good)[:5] == ["service", "time", "request_id", "client", "method"]
    assert (good["method"], good["path"], good["protocol"], good["received_bytes"]) == ("POST", "/v1", "HTTP/1.1", 5)
    assert (good["request_id"], good["client"], good["attempts"]) == ('a"\\b', "127.0.0.1", 1)
    assert 0 <= good["waited_ms"] <= good["first_byte_ms"] <= good["duration_ms"]
    assert (good["flags"], good["details"], good["key"], good["tokens"]) == (None, "via_upstream", None, None)
    assert (bad["status"], bad["flags"], bad["replica"]) == (400, "DownstreamProtocolError", None)
    assert [bad[key] for key in ("request_id", "method", "path", "address", "version", "first_byte_ms")] == [None] * 6


async def test_why_it_went_wrong(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """In Envoy's words, by their whole names."""
    begun = asyncio.Event()

    async def never(_: Request, reply: Reply) -> None:
        begun.set()
        await asyncio.Event().wait()

    slow, dead = await bench.serve([await replica("a", never)]), await bench.serve([REFUSING], health_path=None)
    asked = asyncio.create_task(client.get(url(slow)))
    await begun.wait()
    asked.cancel()
    assert (await client.get(url(dead))).status_code == 503
    (gone,), (refused,) = await lines(bench, slow, 1), await lines(bench, dead, 1)

    assert (gone["status"], gone["flags"], gone["replica"]) == (0, "DownstreamConnectionTermination", 1)
    assert refused["flags"].split(",")[0] in ("NoHealthyUpstream", "UpstreamConnectionFailure")


async def test_counts_outlive_envoy(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """One that is killed has lost none of them, and the next one goes on."""
    key, rule = new_key()
    table = await bench.serve([await replica()], settings=REQUIRED, keys=[rule])
    for _ in range(3):
        assert (await client.get(url(table), headers=bearer(key))).status_code == 200
    await until(lambda: bench.router.key_counts(table.service_id) == {rule.id: KeyCount(requests=3)})
    running = Running.recorded(Layout(bench.directory).process)
    assert running is not None
    running.signal(signal.SIGKILL)
    await running.exited()
    assert bench.router.key_counts(table.service_id) == {rule.id: KeyCount(requests=3)}

    await until(lambda: Running.recorded(Layout(bench.directory).process) is not None)
    await bench.told(table)
    await bench.accepted(table.service_id, 1)
    assert (await client.get(url(table), headers=bearer(key))).status_code == 200
    await until(lambda: bench.router.key_counts(table.service_id) == {rule.id: KeyCount(requests=4)})
    (row,) = (await bench.router.traffic())[table.service_id].replicas
    assert row.answers == (Answers(200, 4),)
    assert row.duration.count == 4


async def test_a_key_is_told_of_its_own_requests(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """However they are mixed with those of other keys, of none, and with what is no request."""
    (key, rule), (other, second) = new_key(), new_key()
    table = await bench.serve([await replica()], settings=REQUIRED, keys=[rule, second])
    sent = {"/one": bearer(key), "/two": bearer(other), "/none": {}, "/wrong": bearer(key[:-1] + "?")}
    for _ in range(10):
        asked = [client.get(url(table, path), headers=headers) for path, headers in sent.items() for _ in range(3)]
        await asyncio.gather(*asked, answer_to(table, b"GET / HTTP/1.1\r\nno header\r\n\r\n"))
    found = Counter((line["path"], line["key"], line["status"]) for line in await lines(bench, table, 130))

    assert found == {
        ("/one", str(rule.id), 200): 30,
        ("/two", str(second.id), 200): 30,
        ("/none", None, 401): 30,
        ("/wrong", None, 401): 30,
        (None, None, 400): 10,
    }
