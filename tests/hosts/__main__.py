"""`python -m tests.hosts [N]`: N hosts (3) to play with, until Ctrl-C."""

import asyncio
import signal
import sys

from tests.hosts import ssh_hosts, why_impossible


async def main(count: int) -> None:
    """Boot hosts, say how to reach them, wait."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with ssh_hosts(count) as hosts:
        print(f"# ~/.sky/ssh_node_pools.yaml\n{hosts.pools_yaml('lab')}", flush=True)
        for host in hosts:
            print(f"ssh -i {hosts.identity_file} root@{host.ip}   # {host.name}; cable: {host.wire}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    if reason := why_impossible():
        sys.exit(reason)
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
