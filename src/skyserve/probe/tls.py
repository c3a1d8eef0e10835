"""How a probe knows a replica that speaks https, and proves itself to it: as the endpoint does."""

import os
import ssl

import grpc

from skyserve.model.endpoint import ReplicaTls
from skyserve.model.route import Certificate, Trust


def context(way: ReplicaTls, trust: Trust) -> ssl.SSLContext:
    """For one connection to a replica. Does no I/O but in memory."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Without a name any certificate of the authorities will do: replicas are reached at addresses that change.
    made.check_hostname = bool(trust.authorities and way.server_name)
    if trust.authorities:
        made.load_verify_locations(cadata=trust.authorities)
    else:
        made.verify_mode = ssl.CERT_NONE
    if trust.pair is not None:
        _show(made, trust.pair)
    return made


def credentials(trust: Trust) -> grpc.ChannelCredentials:
    """The same for gRPC."""
    pair = trust.pair
    return grpc.ssl_channel_credentials(
        trust.authorities.encode(),
        pair.key.encode() if pair else None,
        pair.chain.encode() if pair else None,
    )


def _show(context: ssl.SSLContext, pair: Certificate) -> None:
    """Python reads a key from files alone: this one is in memory, and gone when it is closed."""
    with os.fdopen(os.memfd_create("pair"), "w") as file:
        file.write(pair.chain + pair.key)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
