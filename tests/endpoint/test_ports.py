"""Which port a service gets."""

import socket

import pytest

from skyserve.endpoint.ports import free_port
from tests.claims import ports


def test_first_free_port() -> None:
    """Ports that a service has, or that a stranger has bound on any address, are skipped."""
    base = ports()[0]
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", base + 1))
        stranger.listen()

        assert free_port("0.0.0.0", base, frozenset({base})) == base + 2


def test_no_port_is_left() -> None:
    """Past the last port there is none."""
    with pytest.raises(OSError, match="no free port"):
        free_port("127.0.0.1", 65536, frozenset())
