"""Where this installation keeps its files: `~/.sky`, or wherever SKY_HOME or HOME moves it, wholly."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skyserve.model.error import ErrorKind, ServeError

SOCKET_PATH_BYTES = 107
"""Longest path of a Unix socket on Linux (sun_path has 108 bytes, the last one is NUL)."""


@dataclass(frozen=True, slots=True)
class Home:
    """The directory of one installation, and the name of every file in it."""

    root: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Home":
        """SKY_HOME if set, else `.sky` under HOME."""
        if chosen := environ.get("SKY_HOME"):
            return cls(Path(chosen).absolute())
        return cls(Path(environ.get("HOME") or "/").absolute() / ".sky")

    @property
    def config(self) -> Path:
        """Settings of the user: config.yaml."""
        return self.root / "config.yaml"

    @property
    def ssh_node_pools(self) -> Path:
        """Machines reached over SSH: ssh_node_pools.yaml."""
        return self.root / "ssh_node_pools.yaml"

    @property
    def known_hosts(self) -> Path:
        """Host keys pinned on first use."""
        return self.root / "ssh_known_hosts"

    @property
    def policies(self) -> Path:
        """Modules of the user's own policies."""
        return self.root / "policies"

    @property
    def serve(self) -> Path:
        """Everything that belongs to the controller."""
        return self.root / "serve"

    @property
    def database(self) -> Path:
        """Services, versions, replicas, events. 0600: holds secrets of services."""
        return self.serve / "serve.db"

    @property
    def api_socket(self) -> Path:
        """The controller's REST API. A Unix socket path has at most 107 bytes."""
        return self.serve / "api.sock"

    @property
    def controller_lock(self) -> Path:
        """Held by the one controller of this installation; holds its pid."""
        return self.serve / "controller.lock"

    @property
    def controller_log(self) -> Path:
        """What the controller decided and did."""
        return self.serve / "controller.log"

    @property
    def content(self) -> Path:
        """Content-addressed copies of workdirs and file mounts."""
        return self.serve / "content"

    @property
    def endpoint(self) -> Path:
        """Envoy's bootstrap, sockets, pid and logs."""
        return self.serve / "endpoint"

    @property
    def certificates(self) -> Path:
        """The last good key and certificate of each endpoint with TLS, 0600."""
        return self.serve / "certificates"

    @property
    def local_machine(self) -> Path:
        """Replicas of infra `local`."""
        return self.serve / "local"

    def service_logs(self, service_id: int) -> Path:
        """Archived logs of the replicas of one service."""
        return self.serve / "logs" / str(service_id)


def check_socket_path(path: Path) -> None:
    """Raise ServeError where the kernel could not bind or connect a Unix socket of that path."""
    size = len(bytes(path))
    if size > SOCKET_PATH_BYTES:
        raise ServeError(
            ErrorKind.INVALID_REQUEST,
            f"The path of a socket is too long: {path} has {size} bytes, the limit is {SOCKET_PATH_BYTES}.",
            "Set SKY_HOME to a directory with a shorter path.",
        )
