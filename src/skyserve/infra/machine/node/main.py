"""One run of the tool: read a request, carry it out, answer.

Standard input holds one line of JSON, `{"command": ..., "root": ..., "request": {...}}`, then raw bytes if the command
takes any. The answer is one line of JSON, `{"ok": {...}}` or `{"error": {"kind": ..., "message": ...}}`; a command that
streams goes on with raw bytes after it. `keep DIRECTORY` as arguments starts a node's keeper instead.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import sys
from typing import Any, BinaryIO

from .refusal import Refusal

_COMMANDS = {
    "facts": ("listing", "facts"),
    "list": ("listing", "nodes"),
    "create": ("birth", "create"),
    "terminate": ("death", "terminate"),
    "missing": ("content", "missing"),
    "receive": ("content", "receive"),
    "materialize": ("content", "materialize"),
    "start": ("scripts", "start"),
    "renew": ("renewal", "renew"),
    "expose": ("scripts", "expose"),
    "log": ("logs", "stream"),
}
"""Command -> (module, function). A run loads what it needs and no more: loading is most of what it costs."""
_TAKES_BODY = {"receive"}
_STREAMS = {"log"}


def main() -> None:
    """The entry of the packed tool."""
    if sys.argv[1:2] == ["keep"]:
        _load("keeper", "main")(sys.argv[2])
        return
    os.umask(0o022)
    respond(sys.stdin.buffer, sys.stdout.buffer)


def run(command: str, root: str, request: dict[str, Any], *more: BinaryIO) -> Any:
    """Carry out one command in this process. Returns its reply, or an iterator of what it streams. Raises Refusal."""
    return _load(*_COMMANDS[command])(os.path.expanduser(root), request, *more)


def respond(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Answer the one request on `stdin`."""
    try:
        frame = json.loads(stdin.readline())
        command = frame["command"]
        result = run(command, frame["root"], frame["request"], *([stdin] if command in _TAKES_BODY else []))
        _answer(stdout, {"ok": {} if command in _STREAMS else result})
        for chunk in result if command in _STREAMS else ():
            stdout.write(chunk)
            stdout.flush()
            if not chunk and _nobody_reads(stdout):
                return
    except Refusal as refusal:
        _answer(stdout, {"error": {"kind": refusal.kind, "message": refusal.message}})
    except BrokenPipeError:
        # Whoever asked has gone; Python would say so again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as error:
        _answer(stdout, {"error": {"kind": "Transient", "message": str(error)}})


def _load(module: str, function: str) -> Any:
    return getattr(importlib.import_module(f"{__package__}.{module}"), function)


def _answer(stdout: BinaryIO, reply: dict[str, Any]) -> None:
    stdout.write(json.dumps(reply).encode() + b"\n")
    stdout.flush()


def _nobody_reads(stdout: BinaryIO) -> bool:
    """Told without writing, which is when the kernel would say so."""
    poller = select.poll()
    poller.register(stdout, 0)
    return bool(poller.poll(0))
