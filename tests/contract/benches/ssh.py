"""A pool of two machines reached over ssh."""

import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from skyserve.infra.machine.bundle import tool
from skyserve.infra.machine.infra import MachineInfra, MachineOptions
from skyserve.infra.machine.node import facts
from skyserve.infra.ssh.known_hosts import KnownHosts
from skyserve.infra.ssh.pools import parse_pools
from skyserve.infra.ssh.transport import SshTransport
from skyserve.model.instance import Instance
from tests.contract.bench import Bench
from tests.contract.lossy import Losses, LossyTransport
from tests.hosts import Host, Hosts, ssh_hosts, why_impossible

_SHARE = 4.0


class SshBench(Bench):
    """Two hosts of their own kernel namespaces, gone with the bench."""

    def __init__(self, hosts: Hosts, known_hosts: KnownHosts) -> None:
        self.hosts = hosts
        self.losses = Losses()
        self.made: list[MachineInfra] = []
        self._known_hosts = known_hosts

    def infra(self) -> MachineInfra:
        (pool,) = parse_pools(self.hosts.pools_yaml("lab"), "ssh_node_pools.yaml")
        transports = [SshTransport(host, self._known_hosts, None, tool()) for host in pool.hosts]
        lossy = [LossyTransport(transport, self.losses) for transport in transports]
        self.made.append(
            MachineInfra("ssh/lab", lossy, MachineOptions(cpu_share=_SHARE, listing_seconds=0.05, grace_seconds=1))
        )
        return self.made[-1]

    def lose_next_launch(self) -> None:
        self.losses.next.add("create")

    def lose_next_renewal(self) -> None:
        self.losses.next.add("renew")

    async def kill(self, instance: Instance) -> None:
        for host in self.hosts:
            for record in _nodes(host).glob(f"{instance.id}.*/record.json"):
                keeper, _ = json.loads(record.read_text())["processes"][-1]
                await host.run("kill", "-9", str(keeper))

    def traces(self) -> set[str]:
        return {f"{host.name}: {trace}" for host in self.hosts for trace in _traces(host)}

    @property
    def cpus(self) -> float:
        return facts.cpus() * _SHARE

    @property
    def host_address(self) -> str:
        return self.hosts.gateway

    def pretend_gpus(self, *names: str) -> None:
        lines = [f"{index}, GPU-{index}, {name}, 81920" for index, name in enumerate(names)]
        program = self.hosts[0].root / "usr/local/bin/nvidia-smi"
        program.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
        program.chmod(0o755)


def _nodes(host: Host) -> Path:
    return host.home / ".sky/node/nodes"


def _traces(host: Host) -> set[str]:
    """Of instances: their files, processes, mounts and links."""
    init, *others = host.processes()
    network = Path(f"/proc/{init}/net/dev").read_text().splitlines()[2:]
    links = {line.partition(":")[0].strip() for line in network} - {"lo", "eth0"}
    mounts = Path(f"/proc/{init}/mounts").read_text().splitlines()
    return {
        *(f"file {path}" for path in _nodes(host).rglob("*")),
        *(f"file {path}" for path in (host.home / ".sky/node/blobs").rglob("*")),
        *(f"mount {line}" for line in mounts if "/.sky/" in line),
        *(f"link {link}" for link in links),
        *(f"process {pid}" for pid in others if b"/.sky/node/nodes/" in _said(pid)),
    }


def _said(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
    return b""


@asynccontextmanager
async def ssh() -> AsyncIterator[Bench]:
    """As root over there."""
    if reason := why_impossible():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory() as directory:
        async with ssh_hosts(2) as hosts:
            made = SshBench(hosts, KnownHosts(Path(directory) / "ssh_known_hosts"))
            try:
                yield made
            finally:
                for infra in made.made:
                    await infra.close()


BENCHES = [ssh]
