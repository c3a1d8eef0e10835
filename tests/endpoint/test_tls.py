"""Endpoints that speak https."""

import asyncio
import json
import ssl

import httpx
import pytest

from skyserve.model.endpoint import EndpointSettings, TlsFiles
from skyserve.model.route import RouteTable
from tests.certificates import Made, made
from tests.endpoint.bench import PATIENCE_SECONDS, Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")

TLS = EndpointSettings(tls=TlsFiles("/key.pem", "/cert.pem"))
"""The paths are the controller's affair."""


def trusting(certificate: Made, *, protocols: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
    """A client that trusts this one only."""
    context = ssl.create_default_context(cadata=certificate.chain)
    context.set_alpn_protocols(list(protocols))
    return context


async def shakes(table: RouteTable, context: ssl.SSLContext) -> ssl.SSLObject | None:
    """A handshake with the endpoint; None: it is not what the client trusts, or speaks otherwise."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", table.port, ssl=context)
    except (ssl.SSLError, ConnectionError):
        return None
    found: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.transport.abort()
    return found


async def until_shakes(table: RouteTable, context: ssl.SSLContext) -> ssl.SSLObject:
    """Wait until a handshake succeeds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (found := await shakes(table, context)) is None:  # noqa: ASYNC110 - what is awaited is another process
            await asyncio.sleep(0.02)
    return found


async def test_https_is_spoken(bench: Bench, replica: MakeReplica) -> None:
    """A client that trusts the certificate is served, is offered HTTP/2, and its replica knows that it was https."""
    certificate, server = made(), await replica()
    table = await bench.serve([server], settings=TLS, certificate=certificate.as_model())

    async with httpx.AsyncClient(verify=trusting(certificate), timeout=60) as client:
        response = await client.get(url(table).replace("http:", "https:"))

    assert response.status_code == 200
    assert server.seen[0].headers["x-forwarded-proto"] == "https"
    offered = await until_shakes(table, trusting(certificate, protocols=("h2", "http/1.1")))
    assert offered.selected_alpn_protocol() == "h2"
    assert offered.version() == "TLSv1.3"


async def test_old_tls_is_refused(bench: Bench, replica: MakeReplica) -> None:
    """TLS 1.1 is not spoken."""
    certificate = made()
    table = await bench.serve([await replica()], settings=TLS, certificate=certificate.as_model())
    old = trusting(certificate)
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")

    assert await shakes(table, old) is None
    assert await shakes(table, trusting(certificate)) is not None


async def test_http_is_told_to_speak_https(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """Who speaks http to an endpoint with TLS gets words, and reaches no replica."""
    server = await replica()
    table = await bench.serve([server], settings=TLS, certificate=made().as_model())

    response = await client.post(url(table), content=b"secret")

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["type"] == "https_required"
    assert server.seen == []
    log = bench.router.access_log(table.service_id)
    await until(lambda: log.exists() and log.read_text().endswith("\n"))
    (line,) = map(json.loads, log.read_text().splitlines())
    assert (line["status"], line["replica"], line["details"]) == (400, None, "direct_response")


async def test_new_certificate_cuts_nothing(bench: Bench, replica: MakeReplica) -> None:
    """A new certificate is used by new connections, while a stream that runs goes on over its own."""
    old, new, go_on = made(), made(), asyncio.Event()

    async def two_parts(request: Request, reply: Reply) -> None:
        await reply.begin("text/plain")
        await reply.chunk(b"before")
        await go_on.wait()
        await reply.chunk(b"after")
        await reply.chunk(b"")

    table = await bench.serve([await replica("a", two_parts)], settings=TLS, certificate=old.as_model())
    async with (
        httpx.AsyncClient(verify=trusting(old), timeout=60) as client,
        client.stream("GET", url(table).replace("http:", "https:")) as stream,
    ):
        parts = stream.aiter_raw()
        assert await anext(parts) == b"before"
        await bench.change(table, certificate=new.as_model())
        await until_shakes(table, trusting(new))
        assert await shakes(table, trusting(old)) is None
        go_on.set()
        assert await anext(parts) == b"after"


async def test_without_a_certificate_nothing_is_accepted(bench: Bench, replica: MakeReplica) -> None:
    """Where the certificate is not known nobody connects, and no replica counts as served; once it is, all is well."""
    server, certificate = await replica(), made()
    plain = await bench.serve([server])
    table = await bench.change(plain, settings=TLS)
    await until(lambda: not bench.router.status(table.service_id)[1].accepted)
    assert await shakes(table, trusting(certificate)) is None

    await bench.change(table, certificate=certificate.as_model())
    await until_shakes(table, trusting(certificate))
    await bench.accepted(table.service_id, 1)


async def test_key_is_in_no_file(bench: Bench, replica: MakeReplica) -> None:
    """Nothing that the endpoint writes holds the private key."""
    certificate = made()
    table = await bench.serve([await replica()], settings=TLS, certificate=certificate.as_model())
    await until_shakes(table, trusting(certificate))
    secret = certificate.key_text().splitlines()[1].encode()

    written = [file for file in bench.directory.rglob("*") if file.is_file()]

    assert written
    assert [file.name for file in written if secret in file.read_bytes()] == []
    assert certificate.key_text() not in repr(table)
