"""How commands talk to a node's keeper: one line of JSON each way over a Unix socket in the node's directory.

The socket is named through a descriptor of the directory, because the path of a Unix socket has at most 107 bytes.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import socket
import struct
from typing import Any, Iterator, Sequence

from .records import Node
from .refusal import Refusal

_NAME = "keeper.sock"
_TIMEOUT = 10
_MAX_DESCRIPTORS = 4
_CHUNK = 1 << 16


def listen(node: Node) -> socket.socket:
    """The keeper's end."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(node.file(_NAME))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _short_path(node) as path:
        listener.bind(path)
    listener.listen(64)
    return listener


def connect(node: Node) -> socket.socket:
    """Raises OSError if no keeper answers."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_TIMEOUT)
    try:
        with _short_path(node) as path:
            connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def ask(
    node: Node, operation: dict[str, Any], descriptors: Sequence[int] = (), *, patience: float = _TIMEOUT
) -> dict[str, Any]:
    """Have the keeper do something within `patience` seconds. Raises its Refusal, Gone if the keeper is dead, Transient
    if it hangs."""
    try:
        with connect(node) as connection:
            connection.settimeout(patience)
            send(connection, operation, descriptors)
            reply, _ = receive(connection)
    except socket.timeout:
        raise Refusal("Transient", f"the keeper of node {node.name} does not answer") from None
    except OSError as error:
        raise Refusal("Gone", f"the processes of node {node.name} are gone ({error})") from None
    if "error" in reply:
        raise Refusal(reply["error"]["kind"], reply["error"]["message"])
    return reply


def keeper_pid(node: Node) -> int | None:
    """The process id of the keeper as this process sees it, whatever it takes itself for; None if it is dead."""
    try:
        with connect(node) as connection:
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        return None
    pid: int = struct.unpack("3i", credentials)[0]
    return pid


def send(connection: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """One line, and descriptors with it."""
    data = json.dumps(message).encode() + b"\n"
    if descriptors:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        data = data[connection.sendmsg([data], rights) :]
    if data:
        # Sending nothing would fail, if the other end has answered and closed already.
        connection.sendall(data)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """One line, and the descriptors that came with it. Raises OSError if the other end is gone."""
    size = array.array("i").itemsize
    data, descriptors = b"", array.array("i")
    while not data.endswith(b"\n"):
        chunk, ancillary, _, _ = connection.recvmsg(_CHUNK, socket.CMSG_SPACE(_MAX_DESCRIPTORS * size))
        for level, kind, rights in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(rights[: len(rights) - len(rights) % size])
        if not chunk:
            raise ConnectionResetError("closed without an answer")
        data += chunk
    message: dict[str, Any] = json.loads(data)
    return message, list(descriptors)


@contextlib.contextmanager
def _short_path(node: Node) -> Iterator[str]:
    folder = os.open(node.path, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{_NAME}"
    finally:
        os.close(folder)
