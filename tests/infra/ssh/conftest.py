"""Test hosts, and transports to them."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from skyserve.infra.machine.bundle import Tool
from skyserve.infra.ssh.known_hosts import KnownHosts
from skyserve.infra.ssh.pools import Login, PoolHost
from skyserve.infra.ssh.transport import SshTransport
from tests.hosts import Host, Hosts, ssh_hosts, why_impossible

Connect = Callable[[Host], SshTransport]

TEST_TOOL = Tool("test-tool.pyz", Path(__file__).with_name("tool_for_tests.py").read_bytes())
"""Speaks the tool's protocol, and does what transports are to be tried with. Python runs it whatever its name is."""


@pytest.fixture
async def hosts() -> AsyncIterator[Hosts]:
    """Two machines."""
    if reason := why_impossible():
        pytest.skip(reason)
    async with ssh_hosts(2) as hosts:
        yield hosts


@pytest.fixture
def known_hosts(tmp_path: Path) -> KnownHosts:
    """No machine was met yet."""
    return KnownHosts(tmp_path / "ssh_known_hosts")


@pytest.fixture
async def connect(hosts: Hosts, known_hosts: KnownHosts) -> AsyncIterator[Connect]:
    """Makes a transport to a host, with the tool for tests; closed at the end."""
    made: list[SshTransport] = []

    def transport(host: Host) -> SshTransport:
        login = Login("root", str(hosts.identity_file))
        made.append(SshTransport(PoolHost(host.ip, login), known_hosts, None, TEST_TOOL))
        return made[-1]

    yield transport
    for one in made:
        await one.close()
