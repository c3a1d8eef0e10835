"""What a request costs Envoy, in instructions: `python -m bench.endpoint.instructions [--only NAME...]`.

Counted by valgrind's callgrind, which a busy machine does not disturb; of the kernel's work it sees nothing. Ours with
each of its parts left out, or something more, beside a bare Envoy and one that does as much by parts of its own. Takes
most of a minute for each. Prints Markdown.
"""

import argparse
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.endpoint.client import request
from bench.endpoint.field import ground, proxies, replicas
from bench.endpoint.program import Cores
from bench.endpoint.proxies.furnished import FurnishedEnvoy
from bench.endpoint.proxies.proxy import Proxy
from bench.endpoint.proxies.static import BareEnvoy
from bench.endpoint.proxies.still import ByPrefix, Parts, Still, keyed

WARM_UP, REQUESTS = 200, 600
PAUSE_SECONDS = 0.01
"""Before each request, the second time that as many are sent. What Envoy does more then it does as time goes by, and is
left out: under callgrind requests take thirty times as long, and so it would be thirty times as much of each."""


def _record(parts: Parts) -> None:
    del parts.manager["access_log"]


def _retries(parts: Parts) -> None:
    for host in parts.routes["virtual_hosts"]:
        del host["request_body_buffer_limit"]
        for route in host["routes"]:
            del route["route"]["retry_policy"]


def _choice(parts: Parts) -> None:
    del parts.cluster["load_balancing_policy"]
    parts.cluster["lb_policy"] = "LEAST_REQUEST"


def _arrival(parts: Parts) -> None:
    del parts.routes["request_headers_to_add"]


def _filters(parts: Parts) -> None:
    del parts.manager["http_filters"][:-1]


def _statuses(parts: Parts) -> None:
    parts.manager["http_filters"][-1]["typed_config"]["dynamic_stats"] = False


def _limits(parts: Parts) -> None:
    for name in ("request_headers_timeout", "request_timeout", "stream_flush_timeout"):
        del parts.manager[name]
    del parts.bootstrap["overload_manager"], parts.bootstrap["layered_runtime"]


WITHOUT: Mapping[str, tuple[Callable[[Parts], None], ...]] = {
    "the log of requests, and counts by replica and status": (_record,),
    "retries": (_retries,),
    "the choice by subset and gate": (_choice,),
    "the time of arrival": (_arrival,),
    "the filters that are not used": (_filters,),
    "Envoy's statistics by status": (_statuses,),
    "limits of time and memory": (_limits,),
}
WITH: Mapping[str, type[Still]] = {
    "a key": keyed(),
    "a key with a limit of requests": keyed(requests_per_minute=10**9),
    "a key with limits, tokens counted": keyed(requests_per_minute=10**9, has_budget=True),
    "prefix_affinity": ByPrefix,
}


def kinds() -> list[type[Proxy]]:
    """All of them, ours first."""
    every = tuple(change for changes in WITHOUT.values() for change in changes)
    left_out = {f"without {name}": changes for name, changes in WITHOUT.items()} | {"without all of these": every}
    return [
        Still,
        BareEnvoy,
        FurnishedEnvoy,
        *(type("Less", (Still,), {"name": name, "changes_parts": changes}) for name, changes in left_out.items()),
        *(type("More", (kind,), {"name": f"with {name}"}) for name, kind in WITH.items()),
    ]


def counted(kind: type[Proxy], ports: Sequence[int], folder: Path, cores: Cores) -> float:
    """Instructions a request."""

    class Counted(kind):  # type: ignore[valid-type, misc]
        def run(self, *command: str | Path, environment: dict[str, str] | None = None) -> object:
            callgrind = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={self.folder}/callgrind")
            return super().run(*callgrind, *command, environment=environment)

    with proxies([Counted], ports, folder, cores) as (proxy,):
        _ask(proxy, WARM_UP)
        busy, short = _instructions(proxy, pause=0)
        calm, long = _instructions(proxy, PAUSE_SECONDS)
    a_second = (calm - busy) / (long - short)
    return (busy - a_second * short) / REQUESTS


def _instructions(proxy: Proxy, pause: float) -> tuple[int, float]:
    """Of REQUESTS and what else is done meanwhile; and how many seconds that took."""
    _tell(proxy, "--zero")
    began = time.monotonic()
    _ask(proxy, REQUESTS, pause)
    seconds = time.monotonic() - began
    _tell(proxy, "--dump")
    newest = max(proxy.folder.glob("callgrind*"), key=os.path.getmtime)
    (total,) = (line.split()[1] for line in newest.read_text().splitlines() if line.startswith("totals:"))
    return int(total), seconds


def _tell(proxy: Proxy, what: str) -> None:
    subprocess.run(["callgrind_control", what, str(proxy.program.pid)], check=True, capture_output=True)


def _ask(proxy: Proxy, requests: int, pause: float = 0) -> None:
    """One after the other, over one connection; each after so many seconds."""
    asked = request(proxy.headers)
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        for _ in range(requests):
            time.sleep(pause)
            connection.sendall(asked)
            answer = b""
            while not answer.endswith(b"}]}"):
                received = connection.recv(2**16)
                if not received or not (answer + received).startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(f"{proxy.name} did not answer: {answer + received!r}")
                answer += received


def main() -> None:
    """Count them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], choices=[kind.name for kind in kinds()], help="beside ours")
    asked = parser.parse_args()
    if shutil.which("valgrind") is None:
        parser.error("valgrind, which counts instructions, is not installed: python -m bench.endpoint.peers")
    print("| | instructions a request | beside ours |\n| --- | ---: | ---: |", flush=True)
    ours = None
    with ground() as (folder, cores), replicas(2, folder, cores) as ports:
        for kind in (k for k in kinds() if not asked.only or k.name in asked.only or k is Still):
            instructions = counted(kind, ports, folder, cores)
            ours = ours or instructions
            print(f"| {kind.name} | {instructions:,.0f} | {instructions / ours:.2f} |", flush=True)


if __name__ == "__main__":
    main()
