"""Traces of requests, made by the real Envoy and sent to a collector."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from skyserve.endpoint.router import EnvoyRouter
from tests.endpoint.bench import BASE_PORT, Bench, until, url
from tests.endpoint.collector import Collector
from tests.endpoint.conftest import MakeReplica

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CLIENT_TRACES = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collector() -> AsyncIterator[Collector]:
    """Listens."""
    collector = Collector()
    await collector.start()
    yield collector
    await collector.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def traced(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> AsyncIterator[Bench]:
    """An endpoint that traces only what clients trace."""
    bench = Bench(tmp_path_factory.mktemp("t"), collector.tracing(ratio=0))
    await bench.router.start([])
    yield bench
    await bench.router.shut_down()


def attributes(span: Any) -> dict[str, str]:
    """What it tells."""
    return {a.key: a.value.string_value for a in span.attributes}


async def test_a_clients_trace_goes_on(
    traced: Bench, collector: Collector, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """The endpoint's span is a child of the client's, the replica's will be a child of it; secrets are not told."""
    server = await replica()
    table = await traced.serve([server])
    secret = {"authorization": "Bearer sesame", "cookie": "sesame"}
    await client.get(url(table, "/v1/models?key=sesame"), headers=CLIENT_TRACES | secret)

    await until(lambda: bool(collector.of(table.name)))
    (span,) = collector.of(table.name)
    version, trace, parent, flags = server.seen[0].headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert parent == span.span_id.hex() != PARENT
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert server.seen[0].headers["tracestate"] == "vendor=1"
    assert span.name == "GET /v1/models"
    assert (attributes(span)["skyserve.replica"], attributes(span)["http.status_code"]) == ("1", "200")
    assert "sesame" not in str(span)


async def test_a_trace_that_is_not_kept(
    traced: Bench, collector: Collector, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """Where a client decided that its trace is not kept, or nobody traces, the replica is told so and no span made."""
    server = await replica()
    table = await traced.serve([server])
    await client.get(url(table), headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    await client.get(url(table))
    await client.get(url(table), headers=CLIENT_TRACES)

    await until(lambda: bool(collector.of(table.name)))
    assert [request.headers["traceparent"][-2:] for request in server.seen] == ["00", "00", "01"]
    assert [span.trace_id.hex() for span in collector.of(table.name)] == [TRACE]


async def test_traces_begin_at_the_endpoint(tmp_path: Path, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """By their ratio; a request with an id of the client's own making too. The replica goes on with them."""
    collector = Collector()
    await collector.start()
    bench = Bench(tmp_path, collector.tracing())
    await bench.router.start([])
    try:
        server = await replica()
        table = await bench.serve([server])
        await client.get(url(table), headers={"x-request-id": "mine"})
        await until(lambda: bool(collector.of(table.name)))
    finally:
        await bench.router.shut_down()
        await collector.stop()
    (span,) = collector.of(table.name)
    assert server.seen[0].headers["traceparent"] == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"
    assert server.seen[0].headers["x-request-id"] == "mine"


async def test_an_endpoint_that_runs_stays_as_it_is(
    traced: Bench, collector: Collector, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """A controller that is configured otherwise takes it over without changing a listener, which would cut connections;
    traces go on."""
    server = await replica()
    table = await traced.serve([server])
    await client.get(url(table))
    await traced.router.close()
    traced.router = EnvoyRouter(traced.directory, base_port=BASE_PORT, host="127.0.0.1")
    await traced.router.start(list(traced.tables.values()))
    await traced.accepted(table.service_id, 1)
    await client.get(url(table), headers=CLIENT_TRACES)

    await until(lambda: bool(collector.of(table.name)))
    assert (await traced.stats("listener_manager.listener_modified"))["listener_manager.listener_modified"] == 0


async def test_without_traces_nothing_is_touched(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """By default the headers of a client's trace come to the replica as they were sent, and none is made up."""
    server = await replica()
    table = await bench.serve([server])
    await client.get(url(table), headers=CLIENT_TRACES)
    await client.get(url(table))

    first, second = (request.headers for request in server.seen)
    assert {name: first[name] for name in CLIENT_TRACES} == CLIENT_TRACES
    assert "traceparent" not in second
