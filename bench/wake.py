"""Services that are asked while they are at zero, all at the same moment: `python -m bench.wake [--services 1 25 100]`.

Each has one small replica on this machine. Told is how long the first request to each took, from asking to its answer,
and beside it how long the same program takes where it is simply started, as many at the same moment and by nobody: what
lies between is what waking costs.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Sequence
from pathlib import Path

import httpx

import skyserve
from bench.footprint import clear
from skyserve.endpoint.ports import free_port
from skyserve.model.home import Home

SERVICE = {
    "service": {
        "readiness_probe": "/",
        "replica_policy": {"min_replicas": 0, "max_replicas": 1, "target_concurrency_per_replica": 10},
    },
    "resources": {"ports": 8080, "cpus": 0.05, "memory": 0.05},
    "run": "exec python3 -S -m http.server 8080",
}
PATIENCE_SECONDS = 300.0
FIRST_PORT = 20001


async def answered(url: str, began: float) -> float:
    """Seconds from `began` until the one request to it was answered. Raises httpx.HTTPError if it was not by 200."""
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        (await client.get(url)).raise_for_status()
    return time.monotonic() - began


async def reached(url: str, began: float) -> float:
    """Seconds from `began` until something answers there."""
    while time.monotonic() < began + PATIENCE_SECONDS:
        try:
            return await answered(url, began)
        except httpx.TransportError:
            await asyncio.sleep(0.05)
    raise TimeoutError(url)


async def woken(home: Home, count: int) -> list[float]:
    """Of each service, asked at the same moment."""
    client = skyserve.Client(home)
    for number in range(count):
        await asyncio.to_thread(client.up, skyserve.load_task(SERVICE), f"asleep-{number}", base=Path("/"))
    urls = [view.endpoint for view in await asyncio.to_thread(client.status)]
    began = time.monotonic()
    return list(await asyncio.gather(*(answered(url, began) for url in urls)))


async def started(count: int) -> list[float]:
    """Of as many programs that nobody looks after."""
    ports: list[int] = []
    for _ in range(count):
        ports.append(free_port("127.0.0.1", FIRST_PORT, frozenset(ports)))
    programs: list[asyncio.subprocess.Process] = []
    began = time.monotonic()
    try:
        for port in ports:
            command = [sys.executable, "-S", "-m", "http.server", "--bind", "127.0.0.1", str(port)]
            programs.append(await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL))
        return list(await asyncio.gather(*(reached(f"http://127.0.0.1:{port}/", began) for port in ports)))
    finally:
        for program in programs:
            program.kill()
            await program.wait()


def told(seconds: Sequence[float]) -> str:
    """In words."""
    return f"first {min(seconds):.1f} s, half {statistics.median(seconds):.1f} s, last {max(seconds):.1f} s"


def main() -> None:
    """Each count in an installation of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, nargs="+", default=[1, 25, 100])
    for count in parser.parse_args().services:
        alone = asyncio.run(started(count))
        with tempfile.TemporaryDirectory(prefix="sky-") as folder:
            home = Home(Path(folder))
            try:
                asleep = asyncio.run(woken(home, count))
            finally:
                clear(home)
        ratio = max(asleep) / max(alone)
        print(f"{count} asleep: {told(asleep)}; the programs alone: {told(alone)}; {ratio:.1f} times", flush=True)


if __name__ == "__main__":
    main()
