"""The files of the endpoint, all below one directory that is the user's alone."""

import os
from dataclasses import dataclass
from pathlib import Path

_SOCKET_PATH_LIMIT = 107
"""Bytes in the path of a Unix socket: sun_path of unix(7), less its final zero."""
_HANDOVER_SUFFIX = "_udp_parent_18446744071848284360"
"""As long as Envoy makes it: up to twenty digits of base id and epoch."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Names below the directory."""

    root: Path

    @property
    def bootstrap(self) -> Path:
        """What Envoy is started with."""
        return self.root / "bootstrap.json"

    @property
    def process(self) -> Path:
        """The line of /proc/PID/stat of the Envoy that was started last."""
        return self.root / "envoy.stat"

    @property
    def successor(self) -> Path:
        """The same of one that is to take over from it, until it does."""
        return self.root / "envoy-next.stat"

    @property
    def former(self) -> Path:
        """The same of the one that it took over from, which finishes what it has begun."""
        return self.root / "envoy-former.stat"

    @property
    def base_id(self) -> Path:
        """The number by which an Envoy and its successor find each other."""
        return self.root / "base-id"

    @property
    def handover(self) -> Path:
        """How the names of the sockets begin over which they speak."""
        return self.root / "h"

    @property
    def log(self) -> Path:
        """What Envoy says about itself."""
        return self.root / "envoy.log"

    @property
    def ads_socket(self) -> Path:
        """Where Envoy asks the controller what to do."""
        return self.root / "ads.sock"

    @property
    def gate_socket(self) -> Path:
        """Where Envoy asks the controller whether a request may go on."""
        return self.root / "gate.sock"

    @property
    def admin_socket(self) -> Path:
        """Where Envoy tells what it does."""
        return self.root / "admin.sock"

    @property
    def waiting_socket(self) -> Path:
        """Where Envoy brings requests that wait for a replica."""
        return self.root / "waiting.sock"

    @property
    def courier(self) -> Path:
        """The secret by which Envoy knows requests that the controller brings. 0600."""
        return self.root / "courier"

    @property
    def access_logs(self) -> Path:
        """One file a service."""
        return self.root / "access"

    def access_log(self, service_id: int) -> Path:
        """Requests to one service, one JSON object a line, written when a request has ended."""
        return self.access_logs / f"{service_id}.jsonl"

    @property
    def tallies(self) -> Path:
        """One file a service."""
        return self.root / "tallies"

    def tally(self, service_id: int) -> Path:
        """What is counted of requests to one service (skyserve.endpoint.tally)."""
        return self.tallies / str(service_id)

    def prepare(self) -> None:
        """Make the directories. Raises ValueError if the sockets' paths would be too long."""
        longest = self.root / f"{self.handover.name}{_HANDOVER_SUFFIX}"
        length = len(os.fsencode(longest))
        if length > _SOCKET_PATH_LIMIT:
            raise ValueError(
                f"The path of the socket {longest} has {length} bytes; a Unix socket's may have "
                f"{_SOCKET_PATH_LIMIT}. Set SKY_HOME to a shorter directory."
            )
        for directory in (self.root, self.access_logs, self.tallies):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
