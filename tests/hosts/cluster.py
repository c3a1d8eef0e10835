"""A few test hosts on a network of their own."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import overload

from tests.claims import claim
from tests.hosts.command import attempt, run
from tests.hosts.host import Host

PREFIX_LENGTH = 24
NETWORKS = 256
TOOLS = ("ip", "nsenter", "setpriv", "unshare", "ssh-keygen")


class Hosts(Sequence[Host]):
    """Running hosts; the key that opens them all."""

    def __init__(self, hosts: list[Host], identity_file: Path, gateway: str) -> None:
        self._hosts = hosts
        self.identity_file = identity_file
        """Private key of user root on every host."""
        self.gateway = gateway
        """This machine, as the hosts see it."""

    @overload
    def __getitem__(self, index: int) -> Host: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Host]: ...
    def __getitem__(self, index: int | slice) -> Host | Sequence[Host]:
        return self._hosts[index]

    def __len__(self) -> int:
        return len(self._hosts)

    def __iter__(self) -> Iterator[Host]:
        return iter(self._hosts)

    def pools_yaml(self, pool: str) -> str:
        """The text of an ssh_node_pools.yaml with all hosts in one pool."""
        lines = [f"{pool}:", "  user: root", f"  identity_file: {self.identity_file}", "  hosts:"]
        return "\n".join([*lines, *(f"    - {host.ip}" for host in self._hosts)]) + "\n"


def why_impossible() -> str:
    """Why hosts cannot be made here, for a skip; empty if they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "test hosts need root on Linux, for namespaces"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if not Path("/usr/sbin/sshd").exists():
        missing.append("/usr/sbin/sshd")
    return f"test hosts need {', '.join(missing)}" if missing else ""


@asynccontextmanager
async def ssh_hosts(count: int) -> AsyncIterator[Hosts]:
    """Boot `count` hosts; at the end nothing of them is left. Several test runs may have theirs at once."""
    claimed, number = claim("network", NETWORKS)
    try:
        with tempfile.TemporaryDirectory(prefix="skyserve-hosts-") as directory:
            async with _network(number) as (bridge, network):
                identity_file = Path(directory) / "id_ed25519"
                await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test hosts", "-f", str(identity_file))
                hosts = [
                    await _install(Path(directory), identity_file, index, number, bridge, network)
                    for index in range(1, count + 1)
                ]
                try:
                    await asyncio.gather(*(host.power_on() for host in hosts))
                    yield Hosts(hosts, identity_file, f"{network}.1")
                finally:
                    await asyncio.gather(*(host.power_off() for host in hosts))
    finally:
        claimed.close()


@asynccontextmanager
async def _network(number: int) -> AsyncIterator[tuple[str, str]]:
    """A bridge with this machine at address 1; yields its name and the network's first three bytes."""
    bridge, network = f"sky{number}br", f"10.77.{number}"
    await _sweep(number)
    await run("ip", "link", "add", bridge, "type", "bridge")
    try:
        await run("ip", "addr", "add", f"{network}.1/{PREFIX_LENGTH}", "dev", bridge)
        await run("ip", "link", "set", bridge, "up")
        yield bridge, network
    finally:
        await run("ip", "link", "del", bridge)


async def _sweep(number: int) -> None:
    """Remove what a run that was killed has left of this network; its processes died with it."""
    await attempt("ip", "link", "del", f"sky{number}br")
    for name in (line.split()[0] for line in (await run("ip", "netns", "list")).splitlines()):
        if name.startswith(f"sky{number}h"):
            await attempt("ip", "netns", "del", name)


async def _install(directory: Path, identity_file: Path, index: int, number: int, bridge: str, network: str) -> Host:
    """A new disk."""
    name = f"node{index}"
    disk = directory / name
    for part in ("upper", "work", "root", "home/.ssh"):
        (disk / part).mkdir(parents=True, mode=0o755)
    shutil.copy(identity_file.with_suffix(".pub"), disk / "home/.ssh/authorized_keys")
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(disk / "host_key"))
    return Host(name, f"{network}.{10 + index}", disk, PREFIX_LENGTH, f"{network}.1", bridge, f"sky{number}h{index}")
