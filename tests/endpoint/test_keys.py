"""API keys at a real Envoy: who passes, and what a replica and the logs learn of it."""

import asyncio
import hashlib
import itertools
import json
import secrets
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from skyserve.model.endpoint import EndpointSettings
from skyserve.model.key import KeyCount, KeyRule
from skyserve.model.route import RouteTable
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import two_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUIRED = EndpointSettings(require_key=True)
_ids = itertools.count(1)


def new_key(**about: object) -> tuple[str, KeyRule]:
    """A key, and what the endpoint is told of it."""
    key = f"sk-{secrets.token_urlsafe(32)}"
    rule = KeyRule(next(_ids), hashlib.sha256(key.encode()).hexdigest())
    return key, replace(rule, **about)  # type: ignore[arg-type]


def bearer(key: str) -> dict[str, str]:
    """The header that OpenAI's clients send."""
    return {"authorization": f"Bearer {key}"}


async def answers(client: httpx.AsyncClient, table: RouteTable, headers: dict[str, str], status: int) -> httpx.Response:
    """Ask until the answer is of this status: a change reaches Envoy's threads one after the other."""
    async with asyncio.timeout(60):
        while (response := await client.get(url(table), headers=headers)).status_code != status:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return response


def lines_of(file: Path) -> list[str]:
    """Whole lines."""
    return file.read_text().splitlines()


def texts_below(directory: Path) -> list[str]:
    """What the files of a directory hold."""
    return [path.read_text(errors="replace") for path in directory.rglob("*") if path.is_file()]


async def test_without_a_key(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A request without a key is refused with words for people, and no replica hears of it."""
    a = await replica()
    _, rule = new_key()
    table = await bench.serve([a], settings=REQUIRED, keys=[rule])

    refused = await client.post(url(table), json={"model": "m"})

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    error = refused.json()["error"]
    assert error["type"] == "invalid_api_key"
    assert "Authorization: Bearer" in error["message"]
    assert error["request_id"]
    assert a.seen == []
    log = bench.router.access_log(table.service_id)
    await until(lambda: log.exists() and log.stat().st_size > 0)
    assert json.loads(log.read_text())["details"] == "invalid_api_key"


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
async def test_with_a_key(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, header: str) -> None:
    """A request with a key in either header passes, and the key is not passed on."""
    a = await replica()
    made = [new_key() for _ in range(20)]
    table = await bench.serve([a], settings=REQUIRED, keys=[rule for _, rule in made])

    for key, _ in made * 2:
        value = f"bearer {key}" if header == "authorization" else key
        assert (await client.get(url(table), headers={header: value})).status_code == 200

    twice = [("authorization", f"Bearer {made[0][0]}"), *[("x-api-key", made[1][0])] * 2]
    assert (await client.get(url(table), headers=twice)).status_code == 200

    assert all(header not in request.headers for request in a.seen)
    assert all(key not in str(request) for request in a.seen for key, _ in made)


async def test_the_other_header_is_the_replicas(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """What is no key of ours reaches the replica: an application may have users of its own."""
    a = await replica()
    key, rule = new_key()
    table = await bench.serve([a], settings=REQUIRED, keys=[rule])

    assert (await client.get(url(table), headers={**bearer("own"), "x-api-key": key})).status_code == 200

    assert a.seen[0].headers["authorization"] == "Bearer own"
    assert "x-api-key" not in a.seen[0].headers


@pytest.mark.parametrize("wrong", ["sk-", "sk-" + 43 * "A", "sk-" + 5000 * "A", 'sk-"\\%s\t~'])
async def test_with_a_wrong_key(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, wrong: str) -> None:
    """A key that is none is refused; so is a good one's hash, and a good one written twice."""
    a = await replica()
    key, rule = new_key()
    table = await bench.serve([a], settings=REQUIRED, keys=[rule])

    for headers in (bearer(wrong), {"x-api-key": wrong}, bearer(rule.digest), {"authorization": f"Basic {key}"}):
        assert (await client.get(url(table), headers=headers)).status_code == 401
    twice = [("authorization", f"Bearer {key}"), ("authorization", f"Bearer {key}")]
    assert (await client.get(url(table), headers=twice)).status_code == 401

    assert a.seen == []


async def test_no_key_is_required(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Where none is required, all pass, and headers reach the replica as they are."""
    a = await replica()
    table = await bench.serve([a], keys=[new_key()[1]])

    assert (await client.get(url(table), headers=bearer("own"))).status_code == 200

    assert a.seen[0].headers["authorization"] == "Bearer own"


async def test_no_key_was_made(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Where one is required and none was made, all are refused."""
    table = await bench.serve([await replica()], settings=REQUIRED)

    assert (await client.get(url(table), headers=bearer(new_key()[0]))).status_code == 401


async def test_an_expired_key(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A key is refused from the moment it expires, whether or not a controller runs."""
    now = time.time()
    (old, expired), (good, later) = new_key(expires_at=now - 1), new_key(expires_at=now + 3600)
    table = await bench.serve([await replica()], settings=REQUIRED, keys=[expired, later])

    refused = await client.get(url(table), headers=bearer(old))

    assert refused.status_code == 401
    assert refused.json()["error"]["type"] == "expired_api_key"
    assert (await client.get(url(table), headers=bearer(good))).status_code == 200


async def test_a_spent_budget(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A key whose budget is spent is told when it is full again; by then it passes without being told to."""
    now = time.time()
    (poor, spent), (rich, full) = new_key(spent_until=now + 3600), new_key(spent_until=now - 1)
    table = await bench.serve([await replica()], settings=REQUIRED, keys=[spent, full])

    refused = await client.get(url(table), headers=bearer(poor))

    assert refused.status_code == 429
    assert refused.json()["error"]["type"] == "token_budget_exceeded"
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert (await client.get(url(table), headers=bearer(rich))).status_code == 200
    counts = {spent.id: KeyCount(1, refused=1), full.id: KeyCount(1)}
    await until(lambda: bench.router.key_counts(table.service_id) == counts)


async def test_requests_a_minute(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A key gets as many requests as it may have, then 429 with the time to wait; other keys are not affected."""
    (slow, limited), (fast, free) = new_key(requests_per_minute=5), new_key()
    table = await bench.serve([await replica()], settings=REQUIRED, keys=[limited, free])

    answers = [await client.get(url(table), headers=bearer(slow)) for _ in range(8)]
    others = [(await client.get(url(table), headers=bearer(fast))).status_code for _ in range(8)]

    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.json()["error"]["type"] == "rate_limit_exceeded"
    wait = refused.headers["retry-after"]
    assert 1 <= int(wait) <= 12
    message = f"The API key may send 5 requests a minute. It has one again in {wait} s."
    assert refused.json()["error"]["message"] == message
    assert {name: refused.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining")} == {
        "limit": "5",
        "remaining": "0",
    }
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers[:5]] == ["4", "3", "2", "1", "0"]
    assert others == [200] * 8
    refusals = sum(answer.status_code == 429 for answer in answers)
    counts = {limited.id: KeyCount(8, refused=refusals), free.id: KeyCount(8)}
    await until(lambda: bench.router.key_counts(table.service_id) == counts)


async def test_the_key_says_the_priority(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A client cannot give itself a priority that its key does not have."""
    a = await replica()
    (plain, low), (special, high) = new_key(), new_key(priority=7)
    table = await bench.serve([a], settings=REQUIRED, keys=[low, high])

    for key in (plain, special):
        await client.get(url(table), headers={**bearer(key), "x-skyserve-priority": "1000"})

    assert [request.headers.get("x-skyserve-priority") for request in a.seen] == [None, "7"]


async def test_keys_come_and_go_while_a_stream_goes_on(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """A key works soon after it was made and no longer once it is revoked; a stream under way is not cut by either."""
    go_on = asyncio.Event()
    (first, old), (second, new) = new_key(), new_key()
    table = await bench.serve([await replica("a", two_parts(go_on))], settings=REQUIRED, keys=[old])
    async with client.stream("GET", url(table, "/stream"), headers=bearer(first)) as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == "data: before"
        table = await bench.change(table, keys=(old, new))
        await answers(client, table, bearer(second), 200)
        table = await bench.change(table, keys=(new,))
        await answers(client, table, bearer(first), 401)
        table = await bench.change(table, settings=EndpointSettings())
        await answers(client, table, {}, 200)
        table = await bench.change(table, settings=REQUIRED)
        await answers(client, table, {}, 401)
        go_on.set()
        assert [line async for line in lines if line] == ["data: after"]


async def test_no_key_is_written_down(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Neither Envoy's files nor what its admin interface tells hold a key, good or wrong."""
    (good, rule), (wrong, _) = new_key(), new_key()
    table = await bench.serve([await replica()], settings=REQUIRED, keys=[rule])
    for key in (good, wrong):
        await client.get(url(table), headers=bearer(key))
        await client.get(url(table), headers={"x-api-key": key})
    log = bench.router.access_log(table.service_id)
    await until(lambda: log.exists() and len(lines_of(log)) == 4)

    logged = [json.loads(line) for line in lines_of(log)]
    assert [(line["status"], line["key"]) for line in logged] == [(200, str(rule.id))] * 2 + [(401, None)] * 2
    written = texts_below(bench.directory)
    written.append(json.dumps(await bench.admin("/config_dump", {"include_eds": "on"})))
    assert rule.digest in written[-1]
    assert not [key for key in (good, wrong) for text in written if key[3:] in text]
