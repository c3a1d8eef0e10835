"""What traffic feels when a machine loses power: `python -m bench.power_off [--rate 200] [--seconds 60]`.

Serves examples/hello over SSH on three hosts (real sshd, in network namespaces; needs root), sends a steady load to its
endpoint, and switches off a host that holds a replica, silently, as a power cut does. Then switches it on again and
looks that the old replica is fenced. Prints what failed and how long it took. Ends with nothing left.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.served import Served, until
from skyserve.model.home import Home
from tests.hosts import Host, Hosts, ssh_hosts, why_impossible


async def power_off(served: Served, hosts: Hosts, off: list[Host]) -> float:
    """Switch off the host of the first replica; seconds until another host has taken over."""
    victim = (await served.ready())[0]
    (host,) = [h for h in hosts if h.ip in victim.infra or f"({h.name})" in victim.infra]
    off.append(host)
    await host.power_off()

    async def replaced() -> bool:
        ready = await served.ready()
        return len(ready) == 2 and victim.replica_id not in [r.replica_id for r in ready]

    return await until(replaced)


async def fenced(served: Served, host: Host) -> float:
    """Switch it on again; seconds until the old replica is gone from it, and from the table."""
    await host.power_on()

    async def gone() -> bool:
        return len((await served.view()).replicas) == 2

    return await until(gone)


async def run(home: Home, rate: float, seconds: float) -> None:
    """Up, the power cut, the return, down."""
    async with ssh_hosts(3) as hosts:
        home.ssh_node_pools.write_text(hosts.pools_yaml("lab"))
        served = Served(home)
        try:
            print(f"from up to the first READY: {await served.up('ssh/lab'):.1f} s", flush=True)
            off: list[Host] = []
            cut = [("a host powered off", lambda: power_off(served, hosts, off))]
            deaths, report = await served.under_load(rate, seconds, cut)
            print(*deaths, report.summary(), sep="\n", flush=True)
            print(f"powered on again: its old replica is gone after {await fenced(served, off[0]):.1f} s", flush=True)
        finally:
            print(f"down: nothing is left after {await served.clear():.1f} s")


def main() -> None:
    """Run in an installation and on hosts of its own."""
    if reason := why_impossible():
        sys.exit(reason)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sky-") as folder:
        asyncio.run(run(Home(Path(folder)), arguments.rate, arguments.seconds))


if __name__ == "__main__":
    main()
