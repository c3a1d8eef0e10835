"""Readiness of replicas that speak https."""

import ssl
from dataclasses import replace

import pytest

from skyserve.model.endpoint import ReplicaTls, TlsFiles
from skyserve.model.place import Address
from skyserve.model.route import Trust
from skyserve.model.service import GRPC_HEALTH, ProbeSettings
from skyserve.probe.http import HttpProber
from tests.certificates import Made, grpc_credentials, made, server_context
from tests.endpoint.grpc_replica import GrpcReplica
from tests.probe.servers import replica, says

OK = says("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi")
DISTRUST = "TLS failed: a certificate is not trusted, or it speaks no TLS"
PAIR = TlsFiles("/key.pem", "/cert.pem")
KNOWN, MUTUAL = ReplicaTls("/ca.pem", "localhost"), ReplicaTls("/ca.pem", "localhost", PAIR)
SERVER, OTHER, ENDPOINT = made(), made(), made()
ASKING = server_context(SERVER, ENDPOINT)
"""Wants a certificate of its clients."""
ASKING.maximum_version = ssl.TLSVersion.TLSv1_2  # in 1.3 a client learns only later that it is refused


def trust(authority: Made | None = SERVER, shown: Made | None = None) -> Trust:
    """That replicas have a certificate of the first, and are shown the second."""
    return Trust(authority.chain if authority else "", shown.as_model() if shown else None)


async def probe(address: Address, way: ReplicaTls, known: Trust | None, path: str = "/") -> tuple[bool, str]:
    """Whether it is ready, and what is said about it."""
    settings = ProbeSettings(path=path, timeout=60, tls=way)
    result = await HttpProber().probe(address, settings, known)
    return result.ready, result.detail


@pytest.mark.parametrize(
    ("server", "way", "known", "ready"),
    [
        (server_context(SERVER), KNOWN, trust(), True),
        (server_context(SERVER), replace(KNOWN, server_name=""), trust(), True),
        (server_context(SERVER), ReplicaTls(), trust(None), True),
        (ASKING, MUTUAL, trust(shown=ENDPOINT), True),
        (server_context(SERVER), KNOWN, trust(OTHER), False),
        (server_context(SERVER), replace(KNOWN, server_name="elsewhere"), trust(), False),
        (ASKING, KNOWN, trust(), False),
        (ASKING, MUTUAL, trust(shown=OTHER), False),
        (None, KNOWN, trust(), False),
    ],
    ids=["known", "any name", "anybody", "mutual", "a stranger", "another name", "unknown", "another's", "no TLS"],
)
async def test_who_is_ready(server: ssl.SSLContext | None, way: ReplicaTls, known: Trust, ready: bool) -> None:
    """A replica whose certificate is trusted, and which trusts what it is shown."""
    async with replica(OK, tls=server) as address:
        assert await probe(address, way, known) == ((True, "200") if ready else (False, DISTRUST))


async def test_what_cannot_be_read_is_told() -> None:
    """Where nothing is known of whom to trust nobody is asked."""
    assert await probe(Address("127.0.0.1", 1), KNOWN, None) == (
        False,
        "the files of load_balancer.replica_tls cannot be read",
    )


async def test_other_origins_are_shown_nothing() -> None:
    """A redirect is followed without the name that replicas are asked by, and without their authority."""
    asked_for: list[str | None] = []
    elsewhere = server_context(SERVER)
    elsewhere.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    async with replica(OK, tls=elsewhere) as other:
        moved = says(f"HTTP/1.1 302 F\nLocation: https://{other}/\n\n")
        async with replica(moved, tls=ASKING) as address:
            assert await probe(address, MUTUAL, trust(shown=ENDPOINT)) == (False, DISTRUST)
    assert asked_for == [None]


@pytest.mark.parametrize(
    ("shown", "result"), [(ENDPOINT, (True, "SERVING")), (None, (False, "gRPC status UNAVAILABLE"))]
)
async def test_grpc(shown: Made | None, result: tuple[bool, str]) -> None:
    """A server that speaks gRPC over TLS is asked by gRPC, and shown the endpoint's certificate."""
    server = await GrpcReplica(credentials=grpc_credentials(SERVER, ENDPOINT)).start()
    assert await probe(server.address, MUTUAL, trust(shown=shown), GRPC_HEALTH) == result
    await server.stop()
