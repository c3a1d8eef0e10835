"""This project's endpoint with API keys: one of a thousand is used, with limits it does not reach or without; or with a
key of its own that it shows to replicas.

As a program, `python -m bench.endpoint.proxies.guarded FOLDER PORT [counts|shows]`, it takes both keys, and counts
tokens or does not; or it takes whoever comes, and shows replicas theirs.
"""

import asyncio
import hashlib
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.endpoint.program import Program
from bench.endpoint.proxies.ours import ROOT, Ours
from skyserve.endpoint.router import EnvoyRouter
from skyserve.model.endpoint import EndpointSettings, ReplicaKey
from skyserve.model.key import KeyRule
from skyserve.model.place import Address
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy

FREE, LIMITED = "sk-" + 43 * "a", "sk-" + 43 * "b"
OTHERS = 998


class Guarded(Ours):
    """A key that has no limit."""

    name = "with a key"
    headers = (f"Authorization: Bearer {FREE}",)
    arguments: tuple[str, ...] = ()

    def launch(self, replicas: Sequence[int]) -> Program:
        module = ("-m", __spec__.name, str(self.folder / "endpoint"), str(self.port), *self.arguments)
        program = self.run(sys.executable, *module, environment={"PYTHONPATH": f"{self.source}:{ROOT}"})
        program.tell(json.dumps(list(replicas)))
        return program


class Limited(Guarded):
    """A key with a limit of requests."""

    name = "with a limit of requests"
    headers = (f"Authorization: Bearer {LIMITED}",)


class Budgeted(Limited):
    """A key with a limit of requests and a budget of tokens."""

    name = "and a budget of tokens"
    arguments = ("counts",)


class Showing(Guarded):
    """Nobody needs a key, and replicas are shown one."""

    name = "with a key to replicas"
    headers = ()
    arguments = ("shows",)


def rules(counts: bool) -> tuple[KeyRule, ...]:
    """Both keys, and others that nobody has."""
    others = tuple(KeyRule(n, _digest(str(n))) for n in range(3, 3 + OTHERS))
    return (
        KeyRule(1, _digest(FREE)),
        KeyRule(2, _digest(LIMITED), requests_per_minute=10**9, has_budget=counts),
        *others,
    )


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _table(port: int, replicas: Sequence[int], kind: str) -> RouteTable:
    backends = tuple(Backend(replica, Address("127.0.0.1", replica)) for replica in replicas)
    table = RouteTable(1, "bench", port, LoadBalancingPolicy.LEAST_LOAD, backends)
    if kind != "shows":
        return replace(table, settings=EndpointSettings(require_key=True), keys=rules(kind == "counts"))
    shown = ReplicaKey(FREE)
    keyed = tuple(backend._replace(key=shown) for backend in backends)
    return replace(table, settings=EndpointSettings(replica_key=shown), backends=keyed)


async def _serve(folder: Path, port: int, kind: str) -> None:
    # The input has ended when this comes, and what we started is to end first.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    router = EnvoyRouter(folder, base_port=port, host="127.0.0.1")
    await router.start([])
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            await router.apply(_table(port, json.loads(line), kind))
    finally:
        await router.shut_down()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), "".join(sys.argv[3:])))
