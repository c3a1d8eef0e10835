"""What idle clients cost: `python -m bench.connections [--count 10000]`.

Serves one small replica in an installation of its own, opens so many connections to its endpoint, sends one request
over each and then nothing, and prints the memory of the controller and of Envoy before, with all of them, and after. It
opens fewer where Envoy would take no more, which depends on the hard limit of open files.
"""

import argparse
import resource
import socket
import tempfile
import time
from pathlib import Path

import skyserve
from bench.footprint import SERVICE, SETTLE_SECONDS, clear, wait_ready
from bench.processes import controller_pid, envoy_pid, resident_mib
from skyserve.endpoint.overload import connection_limit
from skyserve.model.home import Home

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
SPARE = 50
"""Connections that are left for others: above Envoy's limit each is closed at once."""


def opened(port: int) -> socket.socket:
    """A connection over which one request was answered."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(REQUEST)
    if not connection.recv(2**16).startswith(b"HTTP/1.1 200 "):
        raise ConnectionError("a connection was not served")
    return connection


def measure(home: Home, count: int) -> None:
    """Print one line for each state."""
    client = skyserve.Client(home)
    view = client.up(skyserve.load_task(SERVICE), "idle", base=Path("/"))
    wait_ready(client, 1)
    port = int(view.endpoint.rpartition(":")[2])
    pids = {"controller": controller_pid(home), "Envoy": envoy_pid(home)}

    def tell(state: str) -> None:
        time.sleep(SETTLE_SECONDS)
        memory = ", ".join(f"{name} {resident_mib(pid):.0f} MiB" for name, pid in pids.items())
        print(f"{state}: {memory}", flush=True)

    tell("no connection")
    connections = [opened(port) for _ in range(count)]
    tell(f"{count} idle connections")
    for connection in connections:
        connection.close()
    tell("all closed")


def main() -> None:
    """One installation, which is gone afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # this process alone, and those that it starts
    count = min(count, connection_limit(hard) - SPARE)
    with tempfile.TemporaryDirectory(prefix="sky-") as folder:
        home = Home(Path(folder))
        try:
            measure(home, count)
        finally:
            clear(home)


if __name__ == "__main__":
    main()
