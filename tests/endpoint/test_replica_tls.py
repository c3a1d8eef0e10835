"""Replicas that speak https, and take requests of nobody who cannot prove to be the endpoint."""

import asyncio
import ssl
from dataclasses import replace

import grpc.aio
import httpx
import pytest

from skyserve.model.endpoint import EndpointSettings, Protocol, ReplicaTls, TlsFiles
from skyserve.model.route import Backend, RouteTable, Trust
from skyserve.model.service import GRPC_HEALTH
from tests.certificates import Made, grpc_credentials, made, server_context
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.grpc_replica import GrpcReplica
from tests.endpoint.replica import Replica
from tests.endpoint.steady import Steady, steady

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIR = TlsFiles("/key.pem", "/cert.pem")
"""The paths are the controller's affair."""
KNOWN = ReplicaTls("/ca.pem", "localhost")
MUTUAL = ReplicaTls("/ca.pem", "localhost", PAIR)
SERVER, OTHER, ENDPOINT = made(), made(), made()


def trust(authority: Made | None = SERVER, shown: Made | None = None) -> Trust:
    """That replicas have a certificate of the first, and are shown the second."""
    return Trust(authority.chain if authority else "", shown.as_model() if shown else None)


async def serve(bench: Bench, way: ReplicaTls, trust: Trust, *replicas: Replica) -> RouteTable:
    """A service of replicas that are spoken to so."""
    table = await bench.serve([], settings=EndpointSettings(replica_tls=way))
    backends = tuple(Backend(n, one.address, tls=way) for n, one in enumerate(replicas, 1))
    return await bench.change(table, backends=backends, trusts={way: trust})


async def accepted(bench: Bench, table: RouteTable) -> None:
    """Wait until Envoy has all of its replicas: their health checks passed."""
    for one in table.backends:
        await bench.accepted(table.service_id, one.replica_id)


async def passed_over(bench: Bench, table: RouteTable) -> None:
    """Wait until health checks have given up the replica."""
    async with asyncio.timeout(60):
        while not await bench.hosts_failing(table.service_id):  # noqa: ASYNC110 - what is awaited is another process
            await asyncio.sleep(0.1)


async def test_mutual_tls(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """A replica that asks for a certificate of its endpoint's answers through it, and nobody who comes without one."""
    server = await replica("a", tls=server_context(SERVER, ENDPOINT))
    table = await serve(bench, MUTUAL, trust(shown=ENDPOINT), server)
    await accepted(bench, table)

    assert (await client.post(url(table), content=b"{}")).json()["replica"] == "a"
    assert server.seen[0].headers["x-forwarded-proto"] == "http"
    trusting = ssl.create_default_context(cadata=SERVER.chain)
    async with httpx.AsyncClient(verify=trusting) as stranger:
        with pytest.raises(httpx.TransportError):
            await stranger.get(f"https://localhost:{server.address.port}/")


@pytest.mark.parametrize(
    ("way", "known", "server"),
    [
        (KNOWN, trust(OTHER), server_context(SERVER)),
        (replace(KNOWN, server_name="elsewhere"), trust(), server_context(SERVER)),
        (KNOWN, trust(), server_context(SERVER, ENDPOINT)),
        (MUTUAL, trust(shown=OTHER), server_context(SERVER, ENDPOINT)),
    ],
    ids=["another authority", "another name", "no certificate to show", "another certificate to show"],
)
async def test_strangers_get_nothing(
    bench: Bench,
    replica: MakeReplica,
    client: httpx.AsyncClient,
    way: ReplicaTls,
    known: Trust,
    server: ssl.SSLContext,
) -> None:
    """A replica that is not known, or does not know the endpoint, is sent no request; health checks fail too."""
    stranger = await replica("a", tls=server)
    table = await serve(bench, way, known, stranger)
    await passed_over(bench, table)

    response = await client.get(url(table))

    assert response.status_code in (502, 503)
    assert stranger.seen == []


@pytest.mark.parametrize(
    ("way", "known"),
    [(ReplicaTls("/ca.pem"), trust()), (ReplicaTls(), trust(None)), (ReplicaTls("", "elsewhere"), trust(None))],
    ids=["any name", "anybody", "anybody by a name"],
)
async def test_what_may_be_left_open(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, way: ReplicaTls, known: Trust
) -> None:
    """Without a name any certificate of the authority will do, without an authority any at all."""
    table = await serve(bench, way, known, await replica("a", tls=server_context(SERVER)))
    await accepted(bench, table)
    assert (await client.get(url(table))).status_code == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_versions_of_tls(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, version: ssl.TLSVersion
) -> None:
    """Replicas that speak one version alone are served, in either."""
    server = server_context(SERVER, ENDPOINT)
    server.minimum_version = server.maximum_version = version
    table = await serve(bench, MUTUAL, trust(shown=ENDPOINT), await replica("a", tls=server))
    await accepted(bench, table)
    assert (await client.get(url(table))).status_code == 200


async def test_http_and_https_side_by_side(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """During an update replicas of either kind serve, each spoken to in its own way."""
    plain, sealed = await replica("plain"), await replica("sealed", tls=server_context(SERVER))
    table = await serve(bench, KNOWN, trust())
    backends = (Backend(1, plain.address), Backend(2, sealed.address, tls=KNOWN))
    table = await bench.change(table, backends=backends, trusts={KNOWN: trust()})
    await accepted(bench, table)

    assert {(await client.get(url(table))).json()["replica"] for _ in range(4)} == {"plain", "sealed"}


async def test_new_certificates_lose_no_request(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """While requests flow the endpoint comes to show a new certificate, then trusts further authorities and asks by a
    name, then only some replicas are spoken to so, and the others by http: none fails, the listener is the same."""
    server, plain = await replica("a", tls=server_context(SERVER)), await replica("b")
    table = await serve(bench, MUTUAL, trust(shown=ENDPOINT), server)
    await accepted(bench, table)
    listeners = await bench.admin("/config_dump", {"resource": "dynamic_listeners"})

    async def change(load: Steady, way: ReplicaTls, known: Trust, *more: Backend) -> None:
        settings = replace(table.settings, replica_tls=way)
        backends = (Backend(1, server.address, tls=way), *more)
        changed = await bench.change(table, settings=settings, backends=backends, trusts={way: known})
        await accepted(bench, changed)
        await load.more(30)

    async with steady(client, url(table)) as load:
        await change(load, MUTUAL, trust(shown=OTHER))
        await change(load, ReplicaTls("/bundle.pem"), Trust(SERVER.chain + OTHER.chain))
        await change(load, KNOWN, trust())
        await change(load, KNOWN, trust(), Backend(2, plain.address))

    assert set(load.statuses) == {200}
    assert await bench.admin("/config_dump", {"resource": "dynamic_listeners"}) == listeners


async def test_requests_wait_for_replicas_with_tls(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """The waiting room, which speaks http, stands behind replicas that speak https."""
    table = await bench.serve([], settings=EndpointSettings(replica_tls=KNOWN, hold_seconds=60))
    asked = asyncio.create_task(client.get(url(table)))
    await until(lambda: bool((load := bench.router.load(table.service_id)) and load.held))
    server = await replica("a", tls=server_context(SERVER))
    await bench.change(table, backends=(Backend(1, server.address, tls=KNOWN),), trusts={KNOWN: trust()})
    assert (await asked).status_code == 200


async def test_grpc(bench: Bench) -> None:
    """Servers that speak gRPC over TLS alone are served, and asked for their health so."""
    server = await GrpcReplica(credentials=grpc_credentials(SERVER, ENDPOINT)).start()
    table = await bench.serve([], health_path=GRPC_HEALTH, settings=EndpointSettings(protocol=Protocol.HTTP2))
    settings = replace(table.settings, replica_tls=MUTUAL)
    backends = (Backend(1, server.address, tls=MUTUAL),)
    table = await bench.change(table, settings=settings, backends=backends, trusts={MUTUAL: trust(shown=ENDPOINT)})
    await accepted(bench, table)

    async with grpc.aio.insecure_channel(f"127.0.0.1:{table.port}", options=[("grpc.enable_http_proxy", 0)]) as client:
        assert await client.unary_unary("/test.Test/Echo")(b"hello", timeout=60) == b"hello"
    await server.stop()


async def test_keys_are_in_no_file(bench: Bench, replica: MakeReplica) -> None:
    """Nothing that the endpoint writes holds the private key that replicas are shown a certificate for."""
    server = await replica("a", tls=server_context(SERVER, ENDPOINT))
    table = await serve(bench, MUTUAL, trust(shown=ENDPOINT), server)
    await accepted(bench, table)
    secret = ENDPOINT.key_text().splitlines()[1].encode()

    written = [file for file in bench.directory.rglob("*") if file.is_file()]

    assert written
    assert [file.name for file in written if secret in file.read_bytes()] == []
    assert ENDPOINT.key_text() not in repr(table)
