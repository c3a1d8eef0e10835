"""Carries TCP connections from one socket to another, a thread each way: only where nothing faster is to be had."""

from __future__ import annotations

import socket
import threading
from typing import Callable

_CHUNK = 1 << 16
_CONNECT_TIMEOUT = 10


def to_port(port: int) -> Callable[[socket.socket], None]:
    """A handler that leads to `port` of the loopback address of this process's network namespace."""

    def handle(connection: socket.socket) -> None:
        try:
            target = socket.create_connection(("127.0.0.1", port), _CONNECT_TIMEOUT)
        except OSError:
            connection.close()
            return
        join(connection, target)

    return handle


def join(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until both ends have finished."""
    for end in (one, other):
        end.settimeout(None)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    back = spawn(_pump, other, one)
    _pump(one, other)
    back.join()
    one.close()
    other.close()


def accept(listener: socket.socket, handle: Callable[[socket.socket], None]) -> None:
    """Give each connection that comes in to `handle`, in a thread of its own. Never returns."""
    while True:
        connection, _ = listener.accept()
        spawn(handle, connection)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while True:
            data = source.recv(_CHUNK)
            if not data:
                break
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # One end broke off: so must the other.
        for end in (source, sink):
            _reset(end)


def _reset(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def spawn(target: Callable[..., None], *arguments: object) -> threading.Thread:
    """Start a thread that does not keep the process alive."""
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread
