"""How a node ends: its processes first, then what it held of the machine, last its record."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import time
from typing import Any, Callable

from . import content, control, kernel, network, records
from .records import Node, Record
from .refusal import Refusal

_KILL_SECONDS = 10
_POLL_SECONDS = 0.01


def terminate(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """End `node`, `grace` seconds after SIGTERM by SIGKILL, and remove all of it. Raises Gone if nothing is left."""
    node = Node(root, request["node"])
    node.record()
    with node.creation():
        record = node.record()
        record["phase"] = "ending"
        node.save(record)
        end_processes(node, record, request["grace"])
        remove(node)
    return {}


def end_processes(node: Node, record: Record, grace: float) -> None:
    """Ask them, then kill them, and return when none is left. Raises Transient if the kernel does not let go."""
    keeper = control.keeper_pid(node)
    noted = [*record["processes"], records.read_json(node.file("keeper.json"))]
    holders: list[tuple[int, int | None]] = [(pid, started) for pid, started in filter(None, noted)]
    if keeper:
        holders.append((keeper, kernel.start_time(keeper)))
    if keeper and grace:
        with contextlib.suppress(Refusal):
            control.ask(node, {"op": "stop", "grace": grace})
    deadline = time.monotonic() + _KILL_SECONDS
    while any(_lives(pid, started) for pid, started in holders):
        for pid, started in holders:
            if _lives(pid, started):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise Refusal("Transient", f"processes of node {node.name} do not end, though they were killed")
        time.sleep(_POLL_SECONDS)


def remove(node: Node) -> None:
    """Give back what a node without processes holds of the machine."""
    with records.admission(node.root):
        for name in os.listdir(node.path):
            if name != "record.json":
                _delete(node.file(name))
        os.unlink(node.file("record.json"))
        os.rmdir(node.path)
        _sweep(node.root)
        network.settle(node.root)
        content.collect(node.root)


def _sweep(root: str) -> None:
    """Directories without a record: a creation or removal that was cut short at its first or last step."""
    folder = os.path.join(root, "nodes")
    for name in os.listdir(folder):
        if not os.path.exists(os.path.join(folder, name, "record.json")):
            _delete(os.path.join(folder, name))


def _delete(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, onerror=_open_and_retry)
    else:
        os.unlink(path)


def _open_and_retry(function: Callable[[str], object], path: str, _error: object) -> None:
    """A replica may have forbidden writing to a directory of its own."""
    for locked in (os.path.dirname(path), path):
        if os.path.isdir(locked) and not os.path.islink(locked):
            os.chmod(locked, stat.S_IRWXU)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        function(path)


def _lives(pid: int, started: int | None) -> bool:
    return started is not None and kernel.start_time(pid) == started
