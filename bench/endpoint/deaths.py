"""What clients feel while replicas come and go: three trials with each proxy. Each replica is a process of its own.

- A replica is killed, and nobody tells the proxy.
- Churn: each second one is killed and another started; the proxy is told half a second later, as by a controller that
  has to find out first.
- All replicas are exchanged for one other: how long until that one answers.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.endpoint.field import FIRST_REPLICA, proxies, replica
from bench.endpoint.program import Cores, Program
from bench.endpoint.proxies.proxy import Proxy, ask
from bench.endpoint.sample import percentile
from skyserve.endpoint.ports import free_port

RATE = 200.0
"""Requests a second: few enough that no proxy here is busy, or it is the load that is felt."""
REPLICAS = 4
NOTICE_SECONDS = 0.5
PATIENCE_SECONDS = 45.0
"""SkyServe asks for its list every 20 s."""


@dataclass(frozen=True, slots=True)
class Felt:
    """By the clients of one trial."""

    requests: int
    failed: int
    longest_ms: float


@dataclass(frozen=True, slots=True)
class Trials:
    """None where the proxy cannot be told of a change."""

    dead: Felt
    churn: Felt | None
    change_ms: float | None


class Crowd:
    """Replicas, each a process."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        self._folder, self._cores = folder, cores
        self._members: dict[int, Program] = {}
        self._used: set[int] = set()
        self._stack = ExitStack()

    @property
    def ports(self) -> list[int]:
        """Of those that live, the oldest first."""
        return list(self._members)

    def add(self) -> int:
        """One more, at a port that none had."""
        port = free_port("127.0.0.1", FIRST_REPLICA, frozenset(self._used))
        self._used.add(port)
        self._members[port] = self._stack.enter_context(replica([port], self._folder, self._cores))
        return port

    def kill(self) -> None:
        """The oldest."""
        self._members.pop(self.ports[0]).kill()

    @classmethod
    @contextmanager
    def gathered(cls, folder: Path, cores: Cores) -> Iterator["Crowd"]:
        """So many as a trial begins with; none is left."""
        crowd = cls(folder, cores)
        with crowd._stack:
            for _ in range(REPLICAS):
                crowd.add()
            yield crowd


def trials(kind: type[Proxy], folder: Path, cores: Cores, seconds: int) -> Trials:
    """All three, of so many seconds."""
    with Crowd.gathered(folder, cores) as crowd, proxies([kind], crowd.ports, folder, cores) as (proxy,):

        def replace() -> None:
            crowd.kill()
            crowd.add()
            time.sleep(NOTICE_SECONDS)
            proxy.change(crowd.ports)

        dead = _felt(proxy, seconds, [(seconds / 2, crowd.kill)])
        if not proxy.changes:
            return Trials(dead, None, None)
        proxy.change(crowd.ports)
        churn = _felt(proxy, seconds, [(float(second), replace) for second in range(1, seconds - 1)])
        return Trials(dead, churn, _exchanged(proxy, crowd.add()))


def _felt(proxy: Proxy, seconds: int, events: list[tuple[float, Callable[[], None]]]) -> Felt:
    """What a steady load tells, while each event happens so many seconds after it began."""

    def happen() -> None:
        began = time.monotonic()
        for at, event in events:
            time.sleep(max(0.0, began + at - time.monotonic()))
            event()

    thread = threading.Thread(target=happen)
    thread.start()
    headers = [part for header in proxy.headers for part in ("--header", header)]
    arguments = [str(proxy.port), "--rate", str(RATE), "--seconds", str(seconds), *headers]
    told = subprocess.run([sys.executable, "-m", "bench.endpoint.client", *arguments], capture_output=True, check=True)
    thread.join()
    outcome = json.loads(told.stdout)
    count = sum(outcome["results"].values())
    return Felt(count, count - outcome["results"].get("200", 0), percentile(outcome["first_bytes"], 1.0))


def _exchanged(proxy: Proxy, port: int) -> float:
    """Milliseconds from when the proxy is told that this is its only replica until that answers."""
    began = time.monotonic()
    proxy.change([port])
    while time.monotonic() < began + PATIENCE_SECONDS:
        if b"x-replica: %d" % port in ask(proxy.port, proxy.headers).lower():
            return 1e3 * (time.monotonic() - began)
    return float("inf")
