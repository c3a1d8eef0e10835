"""Numbers that only one of all test runs on this machine has at a time: of ports, of networks."""

import functools
import socket

FIRST_PORT, PORTS, BLOCKS = 10000, 500, 20
"""Below the ports that the kernel gives out by itself (32768 up), and those of installations that know no better
(20000 up)."""


def claim(what: str, count: int) -> tuple[socket.socket, int]:
    """The first number below `count` that nobody has, and what holds it until it is closed.

    The kernel gives it up when the holder dies. Raises RuntimeError if somebody has each.
    """
    for number in range(count):
        holder = socket.socket(socket.AF_UNIX)
        try:
            holder.bind(f"\0skyserve-test-{what}-{number}")
        except OSError:
            holder.close()
        else:
            return holder, number
    raise RuntimeError(f"others have all {count} of {what}")


@functools.cache
def ports() -> range:
    """Those that this process, and what it starts, may listen on. Any of them may still be held by what a test left."""
    first = FIRST_PORT + PORTS * _block()[1]
    return range(first, first + PORTS)


@functools.cache
def _block() -> tuple[socket.socket, int]:
    """Held for as long as this process lives."""
    return claim("ports", BLOCKS)
