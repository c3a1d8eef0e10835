"""HTTP over the controller's Unix socket, with the standard library alone (docs/decisions/0006-client-transport.md)."""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from skyserve.client.answers import error_of, result_of
from skyserve.client.calls import HEADERS, Call
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.home import check_socket_path

T = TypeVar("T")

CHUNK_BYTES = 65536
"""Most that is read of a log at once; what is there comes at once, however little."""


class NotRunning(ServeError):
    """Nobody listens on the socket."""

    def __init__(self) -> None:
        super().__init__(ErrorKind.UNAVAILABLE, "The controller is not running.", "Start it: sky api start")


class CutOff(ServeError):
    """An answer that never came to its end: the controller ended meanwhile."""

    def __init__(self, path: Path) -> None:
        log = path.with_name("controller.log")
        super().__init__(ErrorKind.UNAVAILABLE, "The controller broke off its answer.", f"Its log tells why: {log}")


def stuck(seconds: float | None) -> ServeError:
    """The error for a controller that does not answer in time."""
    return ServeError(
        ErrorKind.UNAVAILABLE,
        f"The controller has not answered for {seconds:g} seconds.",
        "If it stays so, restart it (services run on): sky api stop",
    )


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(os.fspath(self._path))
        except (FileNotFoundError, ConnectionRefusedError):
            self.close()
            raise NotRunning from None


def send(path: Path, call: Call[T]) -> T:
    """Send a call to the socket at `path` and wait for its result. Raises NotRunning, ServeError."""
    connection = _Connection(path, call.timeout)
    try:
        response = _begin(path, connection, call)
        return result_of(call, response.status, response.read())
    except TimeoutError:
        raise stuck(call.timeout) from None
    except (OSError, http.client.HTTPException):
        raise CutOff(path) from None
    finally:
        connection.close()


def stream(path: Path, call: Call[bytes]) -> Iterator[bytes]:
    """Send a call and yield its answer as it comes. Closing the iterator hangs up. Raises NotRunning, ServeError."""
    connection = _Connection(path, call.timeout)
    try:
        response = _begin(path, connection, call)
        if response.status >= 400:
            raise error_of(response.status, response.read())
        while chunk := response.read1(CHUNK_BYTES):
            yield chunk
    except (OSError, http.client.HTTPException):
        raise CutOff(path) from None
    finally:
        connection.close()


def _begin(path: Path, connection: _Connection, call: Call[T]) -> http.client.HTTPResponse:
    check_socket_path(path)
    body = None if call.body is None else json.dumps(call.body)
    connection.request(call.method, call.target, body=body, headers=HEADERS)
    return connection.getresponse()
