"""Which port a new service's endpoint gets."""

import socket

LAST_PORT = 65535


def free_port(host: str, base: int, taken: frozenset[int]) -> int:
    """The first from `base` up that is not in `taken` and that nobody has bound. Raises OSError if there is none."""
    for port in range(base, LAST_PORT + 1):
        if port not in taken and _bindable(host, port):
            return port
    raise OSError(f"no free port for an endpoint from {base} to {LAST_PORT} on {host}")


def _bindable(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As Envoy does: connections of an earlier listener that linger in TIME_WAIT are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            # Two sockets that both reuse addresses may bind one port until one of them listens.
            probe.listen(1)
        except OSError:
            return False
    return True
