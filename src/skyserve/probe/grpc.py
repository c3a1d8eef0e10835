"""Readiness by gRPC's health checking protocol, which servers that speak gRPC alone offer.

The messages are written by hand: the question is an empty one, which means the server as a whole, and the answer is one
number. https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from collections.abc import Mapping

import grpc.aio

from skyserve.contracts.prober import ProbeResult
from skyserve.model.endpoint import ReplicaTls
from skyserve.model.place import Address
from skyserve.model.route import Trust
from skyserve.model.service import GRPC_HEALTH
from skyserve.probe.tls import credentials
from skyserve.probe.trip import trip

_SERVING = b"\x08\x01"
"""`HealthCheckResponse{status: SERVING}` as it goes over the wire: field 1, a varint, 1."""


async def serving(
    address: Address, headers: Mapping[str, str], way: ReplicaTls | None = None, trust: Trust | None = None
) -> ProbeResult:
    """Ask once. The caller bounds the time. `way` and `trust`: where it speaks TLS."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    # Each probe its own connection, and never through a proxy that the environment names.
    options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    target = f"{host}:{address.port}"
    if way is not None and trust is not None:
        named = [*options, ("grpc.ssl_target_name_override", way.server_name)]
        opened = grpc.aio.secure_channel(target, credentials(trust), options=named)
    else:
        opened = grpc.aio.insecure_channel(target, options=options)
    async with opened as channel:
        metadata = [(name.lower(), value) for name, value in headers.items()]
        try:
            answer = await channel.unary_unary(GRPC_HEALTH)(b"", metadata=metadata)
        except grpc.aio.AioRpcError as error:
            # The code alone: details may quote what was sent.
            return ProbeResult(False, f"gRPC status {error.code().name}")
    if answer != _SERVING:
        return ProbeResult(False, "NOT_SERVING")
    return ProbeResult(True, "SERVING", await trip(address))
