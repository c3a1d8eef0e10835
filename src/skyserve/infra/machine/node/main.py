"""One run of the tool: read a request, carry it out, answer.

Standard input holds one line of JSON, `{"command": ..., "root": ..., "request": {...}}`, then raw bytes if the command
takes any. The answer is one line of JSON, `{"ok": {...}}` or `{"error": {"kind": ..., "message": ...}}`; a command that
streams goes on with raw bytes after it. `keep DIRECTORY` as arguments starts a node's keeper instead.
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any, BinaryIO, Callable, Iterator

from . import birth, content, death, keeper, listing, logs, scripts
from .refusal import Refusal

_Command = Callable[[str, "dict[str, Any]"], "dict[str, Any]"]

COMMANDS: dict[str, _Command] = {
    "facts": listing.facts,
    "list": listing.nodes,
    "create": birth.create,
    "terminate": death.terminate,
    "missing": content.missing,
    "materialize": content.materialize,
    "start": scripts.start,
    "expose": scripts.expose,
}
BODY_COMMANDS: dict[str, Callable[[str, dict[str, Any], BinaryIO], dict[str, Any]]] = {"receive": content.receive}
STREAMS: dict[str, Callable[[str, dict[str, Any]], Iterator[bytes]]] = {"log": logs.stream}


def main() -> None:
    """The entry of the packed tool."""
    if sys.argv[1:2] == ["keep"]:
        keeper.main(sys.argv[2])
        return
    os.umask(0o022)
    respond(sys.stdin.buffer, sys.stdout.buffer)


def respond(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Answer the one request on `stdin`."""
    try:
        frame = json.loads(stdin.readline())
        command, root, request = frame["command"], os.path.expanduser(frame["root"]), frame["request"]
        if command in STREAMS:
            chunks = STREAMS[command](root, request)
            _answer(stdout, {"ok": {}})
            for chunk in chunks:
                stdout.write(chunk)
                stdout.flush()
                if not chunk and _nobody_reads(stdout):
                    return
        elif command in BODY_COMMANDS:
            _answer(stdout, {"ok": BODY_COMMANDS[command](root, request, stdin)})
        else:
            _answer(stdout, {"ok": COMMANDS[command](root, request)})
    except Refusal as refusal:
        _answer(stdout, {"error": {"kind": refusal.kind, "message": refusal.message}})
    except BrokenPipeError:
        # Whoever asked has gone; Python would say so again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as error:
        _answer(stdout, {"error": {"kind": "Transient", "message": str(error)}})


def _answer(stdout: BinaryIO, reply: dict[str, Any]) -> None:
    stdout.write(json.dumps(reply).encode() + b"\n")
    stdout.flush()


def _nobody_reads(stdout: BinaryIO) -> bool:
    """Told without writing, which is when the kernel would say so."""
    poller = select.poll()
    poller.register(stdout, 0)
    return bool(poller.poll(0))
