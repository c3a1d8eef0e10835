"""What a script has printed, and goes on printing."""

from __future__ import annotations

import os
import time
from typing import Any, BinaryIO, Iterator

from . import scripts
from .records import Node

_CHUNK = 1 << 16
_POLL_SECONDS = 0.1


def stream(root: str, request: dict[str, Any]) -> Iterator[bytes]:
    """The log of script `name` of `node`: all of it or its last `tail` lines; with `follow`, until the script ends.

    While there is nothing new an empty chunk comes, for the caller to see whether anybody still listens.
    """
    node = Node(root, request["node"])
    node.record()
    return _chunks(node, request["name"], request["follow"], request["tail"])


def _chunks(node: Node, name: str, follow: bool, tail: int | None) -> Iterator[bytes]:
    path = node.file("scripts", name, "log")
    if not os.path.exists(path):
        return
    with open(path, "rb") as file:
        if tail is not None:
            file.seek(_start_of_last_lines(file, tail))
        while True:
            # Asked before reading: what is printed before the end is then read, too.
            ended = _ended(node, name)
            while chunk := file.read(_CHUNK):
                yield chunk
            if ended or not follow:
                return
            yield b""
            time.sleep(_POLL_SECONDS)


def _ended(node: Node, name: str) -> bool:
    status = scripts.statuses(node, alive=node.alive()).get(name)
    return status is None or status["state"] != "running"


def _start_of_last_lines(file: BinaryIO, lines: int) -> int:
    """Where the last `lines` lines begin, reading from the end."""
    end = position = file.seek(0, os.SEEK_END)
    breaks = 0
    while position > 0:
        begin = max(0, position - _CHUNK)
        file.seek(begin)
        block = file.read(position - begin)
        at = len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            # The one that ends the file ends its last line.
            if begin + at == end - 1:
                continue
            breaks += 1
            if breaks == lines:
                return begin + at + 1
        position = begin
    return 0 if lines > 0 else end
