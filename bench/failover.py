"""What traffic feels while things die: `python -m bench.failover [--rate 200] [--seconds 30]`.

Serves examples/hello on this machine in an installation of its own, sends a steady load to its endpoint, and kills
with SIGKILL, one after the other: a replica, the controller (which is then started again), Envoy. Prints what failed
and how long each took to come back. Ends with nothing left running.
"""

import argparse
import asyncio
import os
import signal
import tempfile
from pathlib import Path

from bench.load import Report
from bench.processes import controller_pid, envoy_pid, replica_pids
from bench.served import Death, Served, until
from skyserve.model.home import Home

AWAY_SECONDS = 2.0
"""How long the controller stays dead."""


async def kill_replica(served: Served) -> float:
    """All processes of one replica."""
    victim = min(replica.replica_id for replica in await served.ready())
    for pid in replica_pids(served.home, victim):
        os.kill(pid, signal.SIGKILL)

    async def replaced() -> bool:
        ready = await served.ready()
        return victim not in [r.replica_id for r in ready] and len(ready) == 2

    return await until(replaced)


async def kill_controller(served: Served) -> float:
    """The process that decides; the next call of a client starts it again."""
    os.kill(controller_pid(served.home), signal.SIGKILL)
    await asyncio.sleep(AWAY_SECONDS)
    return AWAY_SECONDS + await until(served.is_whole)


async def kill_envoy(served: Served) -> float:
    """The process that carries requests."""
    port = int((await served.view()).endpoint.rpartition(":")[2])
    os.kill(envoy_pid(served.home), signal.SIGKILL)

    async def answers() -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(2):
                status = await reader.readline()
            writer.close()
        except (OSError, TimeoutError):
            return False
        return b" 200 " in status

    return await until(answers)


async def measure(served: Served, rate: float, seconds: float) -> tuple[list[Death], Report]:
    """The three deaths under load."""
    return await served.under_load(
        rate,
        seconds,
        [
            ("a replica killed", lambda: kill_replica(served)),
            (f"the controller killed, started again {AWAY_SECONDS:g} s later", lambda: kill_controller(served)),
            ("Envoy killed", lambda: kill_envoy(served)),
        ],
    )


async def run(home: Home, rate: float, seconds: float) -> None:
    """Up, the deaths, down."""
    served = Served(home)
    try:
        print(f"from up to the first READY: {await served.up():.1f} s (the controller started on demand)", flush=True)
        deaths, report = await measure(served, rate, seconds)
        print(*deaths, report.summary(), sep="\n", flush=True)
    finally:
        print(f"down: nothing is left after {await served.clear():.1f} s")


def main() -> None:
    """Run in an installation of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sky-") as folder:
        asyncio.run(run(Home(Path(folder)), arguments.rate, arguments.seconds))


if __name__ == "__main__":
    main()
