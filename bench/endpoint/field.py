"""The field of one comparison: replicas, and all proxies in front of them, started and ended together."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.endpoint.program import Cores, Program
from bench.endpoint.proxies.proxy import Proxy
from skyserve.endpoint.ports import free_port

FIRST_REPLICA = 20001
FIRST_PROXY = 22001
PORTS_EACH = 10
"""A proxy has room for what else it listens on."""


@contextmanager
def replicas(count: int, folder: Path, cores: Cores) -> Iterator[list[int]]:
    """So many, in one process: the ports."""
    taken: set[int] = set()
    while len(taken) < count:
        taken.add(free_port("127.0.0.1", FIRST_REPLICA, frozenset(taken)))
    with replica(sorted(taken), folder, cores):
        yield sorted(taken)


@contextmanager
def replica(ports: Sequence[int], folder: Path, cores: Cores) -> Iterator[Program]:
    """One process that listens on these."""
    log = folder / f"replica-{ports[0]}.log"
    program = Program([sys.executable, "-m", "bench.endpoint.replica", *map(str, ports)], log, cores.load)
    try:
        program.wait_until(lambda: program.said("ready"))
        yield program
    finally:
        program.end()
        log.unlink()


@contextmanager
def proxies(kinds: Sequence[type[Proxy]], ports: Sequence[int], folder: Path, cores: Cores) -> Iterator[list[Proxy]]:
    """All of them, ready."""
    with ExitStack() as stack:
        started = []
        for number, kind in enumerate(kinds):
            port = free_port("127.0.0.1", FIRST_PROXY + PORTS_EACH * number, frozenset())
            proxy = kind(Path(tempfile.mkdtemp(dir=folder)), port, cores)
            stack.callback(proxy.end)
            proxy.start(ports)
            started.append(proxy)
        yield started


@contextmanager
def ground() -> Iterator[tuple[Path, Cores]]:
    """A folder of this measurement's own, and the cores; this process and its loads keep off the proxy's. What was
    started is ended also when we are told to end."""
    cores = Cores.divided()
    before = os.sched_getaffinity(0)
    handler = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    os.sched_setaffinity(0, cores.load)
    try:
        # Directly below /tmp, since the paths of sockets must be short.
        with tempfile.TemporaryDirectory(prefix="sky-bench-", dir="/tmp") as folder:
            yield Path(folder), cores
    finally:
        os.sched_setaffinity(0, before)
        signal.signal(signal.SIGTERM, handler)
