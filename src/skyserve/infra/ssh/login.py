"""How to log in to a machine: what the pool says, together with the user's own ssh configuration."""

import getpass
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.config import SSHClientConfig

from skyserve.contracts.errors import Unauthorized
from skyserve.infra.ssh.known_hosts import SSH_PORT
from skyserve.infra.ssh.pools import PoolHost


@dataclass(frozen=True, slots=True)
class Access:
    """Where a machine is, and who we are to it."""

    address: str
    port: int
    options: dict[str, Any] = field(repr=False)
    """Arguments of asyncssh.connect. May hold a password."""


def access(host: PoolHost, ssh_config: Path | None) -> Access:
    """Said for the host, else by the ssh configuration, else for the pool; else what ssh itself would do.

    `ssh_config` is the user's ~/.ssh/config, which need not exist. Raises Unauthorized for what cannot be used.
    """
    paths = [ssh_config] if ssh_config and ssh_config.is_file() else []
    own, default = host.own, host.default
    try:
        said = SSHClientConfig.load(
            None, paths, False, False, False, getpass.getuser(), own.user or (), host.name, own.port or ()
        )
    except asyncssh.ConfigParseError as error:
        raise Unauthorized(f"{host.name}: {error}. Correct that line.") from None
    port = int(said.get("Port") or default.port or SSH_PORT)
    options: dict[str, Any] = {"host": host.name, "port": port, "config": paths}
    options["password"] = own.password or default.password
    if user := said.get("User") or default.user:
        options["username"] = user
    if identity := own.identity_file or (None if said.get("IdentityFile") else default.identity_file):
        path = Path(identity).expanduser()
        if not path.is_file():
            raise refused(host.name, f"there is no identity file {identity}")
        # An encrypted key is left to the user's ssh-agent.
        options |= {"client_keys": [path], "ignore_encrypted": True}
    return Access(said.get("Hostname") or host.name, port, options)


def refused(name: str, reason: str) -> Unauthorized:
    """The error for a login that cannot succeed."""
    return Unauthorized(
        f"{name}: {reason}. Correct its user, identity_file or password in ssh_node_pools.yaml; "
        f"`ssh` with the same user and key must log in without a question."
    )
