"""What the controller answered: a result, or the error it tells. No I/O."""

import json
from typing import TypeVar

from skyserve.client.calls import Call
from skyserve.client.decode import decode
from skyserve.model.error import ErrorKind, ServeError

T = TypeVar("T")


def result_of(call: Call[T], status: int, body: bytes) -> T:
    """The result of a call. Raises the ServeError that the controller tells."""
    if status >= 400:
        raise error_of(status, body)
    try:
        return decode(call.result, json.loads(body) if body else None)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(status, body) from error


def error_of(status: int, body: bytes) -> ServeError:
    """The error that a body tells."""
    try:
        told = json.loads(body)
        return ServeError(ErrorKind(told["kind"]), str(told["message"]), str(told["remedy"]))
    except (KeyError, TypeError, ValueError):
        return _unreadable(status, body)


def _unreadable(status: int, body: bytes) -> ServeError:
    return ServeError(
        ErrorKind.VERSION_MISMATCH,
        f"The controller answered what this client cannot read (HTTP {status}, {len(body)} bytes).",
        "Restart it, so that both are of one version: sky api stop",
    )
