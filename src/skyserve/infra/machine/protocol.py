"""The lines that a transport and the machine-side tool exchange.

The tool is started as `python3 -I -S TOOL` and reads its request from standard input. A transport writes
`request_line`, then the body if there is one, then closes; it reads one line, gives it to `reply`, and passes
on what follows as the stream's bytes.
"""

import json
from collections.abc import Mapping
from typing import Any

from skyserve.contracts.errors import (
    Gone,
    InfraError,
    NoCapacity,
    QuotaExceeded,
    Transient,
    Unauthorized,
    Unsupported,
)

_ERRORS: Mapping[str, type[InfraError]] = {
    error.__name__: error for error in (Gone, NoCapacity, QuotaExceeded, Transient, Unauthorized, Unsupported)
}


def request_line(command: str, root: str, request: Mapping[str, Any]) -> bytes:
    """What to send. `root` is the tool's directory on that machine; `~` in it is expanded there."""
    return json.dumps({"command": command, "root": root, "request": request}).encode() + b"\n"


def reply(line: bytes, host: str) -> dict[str, Any]:
    """What the first line of an answer says. Raises the InfraError it names, or Transient if it is no answer."""
    try:
        answer = json.loads(line)
    except ValueError:
        said = line[:200].decode(errors="replace").strip() or "nothing"
        raise Transient(f"{host}: no answer from the tool on the machine: {said}") from None
    if "error" in answer:
        raise error(answer["error"]["kind"], answer["error"]["message"], host)
    ok: dict[str, Any] = answer["ok"]
    return ok


def error(kind: str, message: str, host: str) -> InfraError:
    """The error that the tool names, telling which machine it comes from."""
    return _ERRORS[kind](f"{host}: {message}")
