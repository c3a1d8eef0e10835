"""This project's endpoint: the router itself, steered by the benchmark instead of a controller.

As a program, `python -m bench.endpoint.proxies.ours FOLDER PORT`, it serves what its input says, one JSON list of
replicas' ports a line, until that ends; with `--limit`, no replica gets more requests at once; with `--ranked`, each is
preferred to the next; with `--digest`, the key of that digest is needed. It is a program so that it may run another
checkout's code.
"""

import argparse
import asyncio
import hashlib
import json
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.endpoint.program import Program, cpu_seconds
from bench.endpoint.proxies.proxy import Proxy
from skyserve.endpoint.layout import Layout
from skyserve.endpoint.router import EnvoyRouter
from skyserve.model.place import Address
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy

ROOT = Path(__file__).parents[3]


class Ours(Proxy):
    """As users get it if they ask for nothing: with a log of requests, and counted by replica and status."""

    name = "ours"
    changes = True
    source = ROOT / "src"
    policy = LoadBalancingPolicy.LEAST_LOAD
    limit: int | None = None
    ranked = False
    """Each replica is in a region of its own, and these have an order."""
    digest: str | None = None

    @classmethod
    def missing(cls) -> str | None:
        return None

    def launch(self, replicas: Sequence[int]) -> Program:
        path = f"{self.source}:{ROOT}"
        arguments = [str(self.folder / "endpoint"), str(self.port), "--policy", self.policy.value]
        arguments += [] if self.limit is None else ["--limit", str(self.limit)]
        arguments += ["--ranked"] if self.ranked else []
        arguments += [] if self.digest is None else ["--digest", self.digest]
        program = self.run(sys.executable, "-m", __spec__.name, *arguments, environment={"PYTHONPATH": path})
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


class Guarded(Ours):
    """With an API key that may send so many requests a minute, tokens counted, and a bound on bodies."""

    name = "ours, with keys and limits"
    _key = f"sk-{secrets.token_urlsafe(32)}"
    headers = (f"Authorization: Bearer {_key}",)
    digest = hashlib.sha256(_key.encode()).hexdigest()


def against(source: Path) -> type[Ours]:
    """The same with the code of another checkout."""

    class Other(Ours):
        name = f"ours of {source.name}"

    Other.source = source / "src"
    return Other


def _limited(limit: int) -> dict[str, Any]:
    """Of the route table."""
    from skyserve.model.endpoint import ConcurrencyLimit, EndpointSettings

    return {"settings": EndpointSettings(concurrency=ConcurrencyLimit(limit, queued=1000, seconds=60))}


def _guarded(digest: str) -> dict[str, Any]:
    """Of the route table: bounds that nobody here reaches."""
    from skyserve.model.endpoint import EndpointSettings
    from skyserve.model.key import KeyRule

    rule = KeyRule(1, digest, requests_per_minute=1_000_000_000, has_budget=True)
    return {"settings": EndpointSettings(require_key=True, max_request_bytes=2**30), "keys": (rule,)}


def _backends(ports: Sequence[int], *, ranked: bool) -> tuple[Backend, ...]:
    backends = tuple(Backend(port, Address("127.0.0.1", port)) for port in ports)
    return tuple(backend._replace(rank=rank) for rank, backend in enumerate(backends)) if ranked else backends


async def _serve(folder: Path, port: int, policy: LoadBalancingPolicy, about: dict[str, Any], *, ranked: bool) -> None:
    # The input has ended when this comes, and what we started is to end first.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    router = EnvoyRouter(folder, base_port=port, host="127.0.0.1")
    await router.start([])
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            backends = _backends(json.loads(line), ranked=ranked)
            await router.apply(RouteTable(1, "bench", port, policy, backends, **about))
    finally:
        await router.shut_down()


def main() -> None:
    """Serve. What is not asked for is not said of the table, so that an older checkout understands it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--policy", type=LoadBalancingPolicy)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--ranked", action="store_true")
    parser.add_argument("--digest")
    asked = parser.parse_args()
    limit = {} if asked.limit is None else _limited(asked.limit)
    guard = {} if asked.digest is None else _guarded(asked.digest)
    asyncio.run(_serve(asked.folder, asked.port, asked.policy, {**limit, **guard}, ranked=asked.ranked))


if __name__ == "__main__":
    main()
