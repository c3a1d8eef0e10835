"""Machines that are cut off, freeze, or lose their power: noticed soon, and met again."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from skyserve.contracts.errors import Transient
from skyserve.infra.ssh.transport import SshTransport
from tests.hosts import Host, Hosts
from tests.hosts.patience import until
from tests.infra.ssh.conftest import Connect

pytestmark = [pytest.mark.root, pytest.mark.slow]

FAULTS: dict[str, tuple[Callable[[Host], Awaitable[None]], Callable[[Host], Awaitable[None]]]] = {
    "cut off": (Host.cut, Host.heal),
    "frozen": (Host.freeze, Host.thaw),
    "powered off": (Host.power_off, Host.power_on),
}


def answers(transport: SshTransport) -> Callable[[], Awaitable[bool]]:
    """Whether the machine can be called now."""

    async def ask() -> bool:
        try:
            await transport.call("echo", {})
        except Transient:
            return False
        return True

    return ask


@pytest.mark.parametrize(("strike", "heal"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_is_noticed_and_survived(
    hosts: Hosts,
    connect: Connect,
    strike: Callable[[Host], Awaitable[None]],
    heal: Callable[[Host], Awaitable[None]],
) -> None:
    """A call and a stream under way end by themselves, long before their time; the other machine does not notice;
    later calls succeed once the machine is back."""
    transport, other = connect(hosts[0]), connect(hosts[1])
    stream = transport.stream("ticks", {})
    await anext(stream)
    calling = asyncio.create_task(transport.call("hang", {}, timeout=3600))
    await until(hangs(hosts[0]))
    await strike(hosts[0])
    assert await answers(other)()
    with pytest.raises(Transient, match="connection was lost"):
        await calling
    with pytest.raises(Transient, match="connection was lost"):
        async for _ in stream:
            pass
    assert not await answers(transport)()
    await heal(hosts[0])
    await until(answers(transport))


def hangs(host: Host) -> Callable[[], Awaitable[bool]]:
    """Whether two runs of the tool are under way there."""

    async def look() -> bool:
        return (await host.run("ps", "-eo", "args")).count("test-tool.pyz") >= 2

    return look
