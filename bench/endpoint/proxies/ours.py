"""This project's endpoint: the router itself, steered by the benchmark instead of a controller.

As a program, `python -m bench.endpoint.proxies.ours FOLDER PORT POLICY [LIMIT]`, it serves what its input says, one
JSON list of replicas' ports a line, until that ends; with a limit, no replica gets more requests at once. It is a
program so that it may run another checkout's code.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.endpoint.program import Program, cpu_seconds
from bench.endpoint.proxies.proxy import Proxy
from skyserve.endpoint.layout import Layout
from skyserve.endpoint.router import EnvoyRouter
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.place import Address
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy

ROOT = Path(__file__).parents[3]


class Ours(Proxy):
    """As users get it if they ask for nothing."""

    name = "ours"
    changes = True
    source = ROOT / "src"
    policy = LoadBalancingPolicy.LEAST_LOAD
    limit: int | None = None

    @classmethod
    def missing(cls) -> str | None:
        return None

    def launch(self, replicas: Sequence[int]) -> Program:
        path = f"{self.source}:{ROOT}"
        limit = [] if self.limit is None else [str(self.limit)]
        module = ("-m", __spec__.name, self.folder / "endpoint", str(self.port), self.policy.value, *limit)
        program = self.run(sys.executable, *module, environment={"PYTHONPATH": path})
        program.tell(json.dumps(list(replicas)))
        return program

    def change(self, replicas: Sequence[int]) -> None:
        self.program.tell(json.dumps(list(replicas)))

    def cpu_seconds(self) -> float:
        """Envoy's: what steers it sleeps."""
        return cpu_seconds(int(Layout(self.folder / "endpoint").process.read_text().split()[0]))


class OursByPrefix(Ours):
    """With the policy that reads the beginning of each prompt."""

    name = "ours, prefix_affinity"
    policy = LoadBalancingPolicy.PREFIX_AFFINITY


def against(source: Path) -> type[Ours]:
    """The same with the code of another checkout."""

    class Other(Ours):
        name = f"ours of {source.name}"

    Other.source = source / "src"
    return Other


def _settings(limit: str) -> dict[str, EndpointSettings]:
    """Of the route table. Without a limit nothing is said of them, so that an older checkout understands it."""
    from skyserve.model.endpoint import ConcurrencyLimit

    return {"settings": EndpointSettings(concurrency=ConcurrencyLimit(int(limit), queued=1000, seconds=60))}


async def _serve(folder: Path, port: int, policy: LoadBalancingPolicy, limit: str = "") -> None:
    # The input has ended when this comes, and what we started is to end first.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    router = EnvoyRouter(folder, base_port=port, host="127.0.0.1")
    settings = _settings(limit) if limit else {}
    await router.start([])
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            backends = tuple(Backend(replica, Address("127.0.0.1", replica)) for replica in json.loads(line))
            await router.apply(RouteTable(1, "bench", port, policy, backends, **settings))
    finally:
        await router.shut_down()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), LoadBalancingPolicy(sys.argv[3]), *sys.argv[4:]))
