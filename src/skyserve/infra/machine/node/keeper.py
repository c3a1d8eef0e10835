"""The one process that stays with a node: process 1 of its process namespace.

It starts scripts, keeps their exit codes, relays connections where the way needs it, and ends with all that the node
runs. It knows nothing that is not on disk, and outlives every controller.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
from typing import Any

from . import control, records, relay, renewal, rooms, scripts, spaces
from .records import Node, Record
from .refusal import Refusal

_REQUEST_SECONDS = 5
_POLL_SECONDS = 0.01


def main(path: str) -> None:
    """`keep DIRECTORY`: make the node's port space and keep it."""
    os.chdir("/")
    os.umask(0o022)
    nodes, name = os.path.split(path)
    node = Node(os.path.dirname(nodes), name)
    record = node.record()
    spaces.enter(node, record, lambda listeners: Keeper(node, record, listeners).serve)


class Keeper:
    """Serves control requests and reaps, one thing at a time; only relays run in threads."""

    def __init__(self, node: Node, record: Record, listeners: list[tuple[int, socket.socket]]) -> None:
        self._node = node
        self._record = record
        self._scripts: dict[int, str] = {}
        self._stopping = False
        self._alive = records.hold_alive(node)
        self._wakeup, wakeup = socket.socketpair()
        for end in (self._wakeup, wakeup):
            end.setblocking(False)
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        self._wakeup_writer = wakeup
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        for port, listener in listeners:
            relay.spawn(relay.accept, listener, relay.to_port(port))
        self._listener = control.listen(node)

    def serve(self) -> None:
        """Until asked to stop. What still runs then is ended by the kernel."""
        selector = selectors.DefaultSelector()
        selector.register(self._listener, selectors.EVENT_READ)
        selector.register(self._wakeup, selectors.EVENT_READ)
        while not self._stopping:
            for key, _ in selector.select():
                if key.fileobj is self._listener:
                    self._serve_one()
                else:
                    with contextlib.suppress(BlockingIOError):
                        self._wakeup.recv(4096)
            self._reap()

    def _serve_one(self) -> None:
        connection, _ = self._listener.accept()
        with connection, contextlib.suppress(OSError, ValueError):
            connection.settimeout(_REQUEST_SECONDS)
            request, descriptors = control.receive(connection)
            try:
                reply = self._carry_out(request, descriptors)
            except Refusal as refusal:
                reply = {"error": {"kind": refusal.kind, "message": refusal.message}}
            except OSError as error:
                reply = {"error": {"kind": "Transient", "message": str(error)}}
            control.send(connection, reply)

    def _carry_out(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        operation = request["op"]
        if operation == "start":
            renewal.admit(self._node, request["label"])
            pid = scripts.launch(self._node, self._record, request["name"], request["body"], request["environment"])
            if pid is not None:
                self._scripts[pid] = request["name"]
        elif operation == "relay":
            relay.spawn(relay.accept, socket.socket(fileno=descriptors[0]), relay.to_port(request["port"]))
        elif operation == "mount":
            rooms.mount(request["source"], request["target"], request["single"])
        elif operation == "renew":
            self._renew(request["label"], request["grace"])
        elif operation == "stop":
            self._stopping = True
            self._end_all(signal.SIGTERM, request["grace"])
        return {}

    def _reap(self) -> bool:
        """Take note of all that has ended. False if nothing runs any more."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            name = self._scripts.pop(pid, None)
            if name is not None:
                scripts.finished(self._node, name, status)

    def _renew(self, label: str, grace: float) -> None:
        """All that runs ends, but for this process. Raises Transient if the kernel does not let go of something."""
        if renewal.is_due(self._node, label):
            self._end_all(signal.SIGTERM, grace)
            if not self._end_all(signal.SIGKILL, renewal.KILL_SECONDS):
                raise Refusal("Transient", f"processes of node {self._node.name} do not end, though they were killed")
        renewal.begin(self._node, label)

    def _end_all(self, number: signal.Signals, patience: float) -> bool:
        """Signal everything in the node until nothing runs any more, `patience` seconds at most. True: nothing does."""
        deadline = time.monotonic() + patience
        asked = False
        while self._reap():
            if time.monotonic() > deadline:
                return False
            if not asked or number is signal.SIGKILL:
                # What was born meanwhile must be killed, too; but nobody is to be asked twice to end by itself.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(-1, number)
                    os.kill(-1, signal.SIGCONT)
                asked = True
            time.sleep(_POLL_SECONDS)
        return True

    def _on_terminate(self, *_: object) -> None:
        self._stopping = True
