"""Readiness by gRPC's health checking protocol."""

import pytest

from skyserve.contracts.prober import ProbeResult
from skyserve.model.service import GRPC_HEALTH, ProbeSettings
from skyserve.probe.http import HttpProber
from tests.endpoint.grpc_replica import GrpcReplica
from tests.probe.servers import replica, says

SETTINGS = ProbeSettings(path=GRPC_HEALTH, timeout=60)


@pytest.mark.parametrize(("serving", "result"), [(True, (True, "SERVING")), (False, (False, "NOT_SERVING"))])
async def test_what_the_server_says(serving: bool, result: tuple[bool, str]) -> None:
    """A server is ready when it says that it serves."""
    server = await GrpcReplica(serving=serving).start()
    found = await HttpProber().probe(server.address, SETTINGS)
    assert found == ProbeResult(*result)
    assert (found.trip is not None) == serving
    await server.stop()
    assert await HttpProber().probe(server.address, SETTINGS) == ProbeResult(False, "gRPC status UNAVAILABLE")


async def test_a_server_that_speaks_something_else() -> None:
    """One that speaks HTTP/1.1 alone is not ready, and the probe ends."""
    async with replica(says("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi")) as address:
        assert not (await HttpProber().probe(address, SETTINGS)).ready
