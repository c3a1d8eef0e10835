"""The test hosts do what tests ask of them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.hosts import Host, Hosts, ssh_hosts, why_impossible
from tests.hosts.command import run

pytestmark = [pytest.mark.root, pytest.mark.skipif(bool(why_impossible()), reason=why_impossible())]


@pytest.fixture
async def hosts() -> AsyncIterator[Hosts]:
    """Two hosts."""
    async with ssh_hosts(2) as hosts:
        yield hosts


async def greeting(host: Host, patience: float) -> bytes:
    """What port 22 says within `patience` seconds; nothing if it stays silent."""
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(host.ip, 22)
            try:
                return await reader.read(4)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""


async def test_hosts_are_machines_of_their_own(hosts: Hosts) -> None:
    """Names, processes and files differ, and the hosts reach each other."""
    assert (await hosts[0].run("hostname")).strip() == "node1"
    assert (await hosts[1].run("hostname")).strip() == "node2"
    await hosts[0].run("touch", "/etc/only-here")
    with pytest.raises(RuntimeError):
        await hosts[1].run("ls", "/etc/only-here")
    await hosts[0].run("python3", "-c", f"import socket; socket.create_connection(('{hosts[1].ip}', 22), 30)")


async def test_cut_and_heal(hosts: Hosts) -> None:
    """A host whose cable is pulled is silent, and answers once it is back."""
    await hosts[0].cut()
    assert await greeting(hosts[0], 0.3) == b""
    await hosts[0].heal()
    assert await greeting(hosts[0], 60) == b"SSH-"


async def test_freeze_and_thaw(hosts: Hosts) -> None:
    """A frozen host accepts connections and says nothing until it is thawed."""
    await hosts[0].freeze()
    assert await greeting(hosts[0], 0.3) == b""
    await hosts[0].thaw()
    assert await greeting(hosts[0], 60) == b"SSH-"


async def test_power_cycle_keeps_the_disk_and_nothing_else(hosts: Hosts) -> None:
    """After a power cycle files are there and processes are not."""
    await hosts[0].run("sh", "-c", "echo kept > /root/file; setsid sleep 1000 > /dev/null 2>&1 &")
    await hosts[0].power_off()
    assert hosts[0].processes() == []
    await hosts[0].power_on()
    assert await hosts[0].run("cat", "/root/file") == "kept\n"
    assert "sleep" not in await hosts[0].run("ps", "-eo", "comm")


async def test_nothing_is_left() -> None:
    """After the end there is no process, namespace, link, mount or file of the hosts."""
    async with ssh_hosts(1) as hosts:
        host, processes = hosts[0], hosts[0].processes()
        assert processes
    states = dict(line.split() for line in (await run("ps", "-eo", "pid=,stat=")).splitlines())
    assert all(states.get(str(pid), "Z").startswith("Z") for pid in processes)
    assert host.wire not in (await run("ip", "netns", "list")) + (await run("ip", "link"))
    assert host.bridge not in await run("ip", "link")
    assert not host.disk.exists()
