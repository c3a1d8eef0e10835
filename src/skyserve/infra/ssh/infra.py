"""The infras `ssh/<pool>`: one for each pool of ssh_node_pools.yaml."""

import os
import stat
from pathlib import Path

from skyserve.contracts.infra import Infra
from skyserve.infra.machine.bundle import tool
from skyserve.infra.machine.infra import MachineInfra
from skyserve.infra.ssh.known_hosts import KnownHosts
from skyserve.infra.ssh.pools import Pool, parse_pools
from skyserve.infra.ssh.transport import SshTransport
from skyserve.model.home import Home
from skyserve.spec.errors import refusal

SSH_CONFIG = Path("~/.ssh/config")


def ssh_infras(home: Home, ssh_config: Path = SSH_CONFIG) -> list[Infra]:
    """The pools of this installation; none without a file. Connects to nothing.

    Raises SpecError for what is wrong with the file, also if it holds passwords that others may read.
    """
    file = home.ssh_node_pools
    try:
        with file.open("rb") as opened:
            text, mode = opened.read(), os.fstat(opened.fileno()).st_mode
    except FileNotFoundError:
        return []
    pools = parse_pools(text, str(file))
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and any(_has_password(pool) for pool in pools):
        raise refusal(
            "holds a password and others may read it", file=str(file), remedy=f"Run `chmod 600 {file}`, or use a key."
        )
    known_hosts = KnownHosts(home.known_hosts)
    return [_infra(pool, known_hosts, ssh_config.expanduser()) for pool in pools]


def _infra(pool: Pool, known_hosts: KnownHosts, ssh_config: Path) -> Infra:
    transports = [SshTransport(host, known_hosts, ssh_config, tool()) for host in pool.hosts]
    return MachineInfra(f"ssh/{pool.name}", transports)


def _has_password(pool: Pool) -> bool:
    return any(login.password for host in pool.hosts for login in (host.own, host.default))
