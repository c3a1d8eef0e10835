"""What all proxies have in common."""

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from bench.endpoint.client import request
from bench.endpoint.program import Cores, Program, cpu_seconds


def ask(port: int, headers: Sequence[str] = (), timeout: float = 5.0) -> bytes:
    """The head of the answer to one small POST on a connection of its own. Raises OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        sock.sendall(request(headers))
        answer = b""
        while b"\r\n\r\n" not in answer and (data := sock.recv(65536)):
            answer += data
    return answer.partition(b"\r\n\r\n")[0]


class Proxy(ABC):
    """One of them; a new object for each start."""

    name: str
    headers: tuple[str, ...] = ()
    """What a client has to send."""
    changes = False
    """It can be told of other replicas while it runs."""

    def __init__(self, folder: Path, port: int, cores: Cores) -> None:
        """`folder` is its own and empty; `port` is where it will listen."""
        self.folder = folder
        self.port = port
        self._cores = cores
        self._program: Program | None = None

    @classmethod
    @abstractmethod
    def missing(cls) -> str | None:
        """What has to be installed first."""

    @abstractmethod
    def launch(self, replicas: Sequence[int]) -> Program:
        """Start the program. `replicas`: ports on this machine."""

    def change(self, replicas: Sequence[int]) -> None:
        """These are the replicas from now on; returns at once."""
        raise NotImplementedError(f"{self.name} is not told of changes")

    def start(self, replicas: Sequence[int]) -> None:
        """Return when a request is answered."""
        self._program = self.launch(replicas)
        self._program.wait_until(self._answers)

    def cpu_seconds(self) -> float:
        """Used so far."""
        return cpu_seconds(self.program.pid)

    @property
    def program(self) -> Program:
        """The one that runs."""
        assert self._program is not None
        return self._program

    def end(self) -> None:
        """Leave nothing."""
        if self._program is not None:
            self._program.end()

    def run(self, *command: str | Path, environment: dict[str, str] | None = None) -> Program:
        """A program on the proxy's core."""
        return Program(command, self.folder / "log", self._cores.proxy, environment)

    def _answers(self) -> bool:
        try:
            return b" 200 " in ask(self.port, self.headers)
        except OSError:
            time.sleep(0.1)
            return False
