"""No proxy at all: what the others are compared with."""

from collections.abc import Sequence

from bench.endpoint.program import Program
from bench.endpoint.proxies.proxy import Proxy


class Direct(Proxy):
    """The first replica itself."""

    name = "direct"

    @classmethod
    def missing(cls) -> str | None:
        return None

    def launch(self, replicas: Sequence[int]) -> Program:
        raise NotImplementedError("there is nothing to launch")

    def start(self, replicas: Sequence[int]) -> None:
        self.port = replicas[0]

    def cpu_seconds(self) -> float:
        return float("nan")
