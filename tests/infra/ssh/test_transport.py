"""A transport to a real sshd: calls, streams, bodies, forwards, and that little can go wrong silently."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from skyserve.contracts.errors import Gone, NoCapacity, Transient, Unauthorized, Unsupported
from skyserve.infra.machine.bundle import Tool
from skyserve.infra.ssh.known_hosts import KnownHosts
from skyserve.infra.ssh.pools import Login, PoolHost
from skyserve.infra.ssh.transport import STREAMS_AT_ONCE, SshTransport
from skyserve.model.place import Address
from tests.hosts import Hosts
from tests.hosts.command import run
from tests.hosts.patience import until
from tests.infra.ssh.conftest import TEST_TOOL, Connect

pytestmark = pytest.mark.root


async def test_calls_share_one_connection_and_carry_secrets_out_of_sight(hosts: Hosts, connect: Connect) -> None:
    """Twenty calls at once arrive whole over one connection, and nothing of a request is in an argument list."""
    transport = connect(hosts[0])
    answers = await asyncio.gather(*(transport.call("echo", {"number": n, "secret": "hunter2"}) for n in range(20)))
    assert [answer["said"]["number"] for answer in answers] == list(range(20))
    assert not any("hunter2" in argument for answer in answers for argument in answer["arguments"])
    connections = await hosts[0].run("ss", "-Htn", "state", "established", "sport", "=", ":22")
    assert len(connections.splitlines()) == 1


async def test_a_body_is_carried_whole(hosts: Hosts, connect: Connect) -> None:
    """Every byte that is given arrives, at the pace at which it is taken."""

    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(100_000)

    assert await connect(hosts[0]).call("count", {}, body=body()) == {"bytes": 10_000_000}


async def test_what_the_tool_refuses_is_raised(hosts: Hosts, connect: Connect) -> None:
    """An error that the tool names arrives as that error, with the machine's name; also before a body was taken."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)

    transport = connect(hosts[0])
    with pytest.raises(NoCapacity, match=rf"{hosts[0].ip}: because"):
        await transport.call("refuse", {"kind": "NoCapacity"}, body=endless())
    with pytest.raises(Gone):
        await anext(transport.stream("refuse", {"kind": "Gone"}))


async def test_a_tool_that_breaks_is_transient_and_told(hosts: Hosts, connect: Connect) -> None:
    """The last words of a tool that ended without an answer are in the error."""
    with pytest.raises(Transient, match="it broke"):
        await connect(hosts[0]).call("crash", {})


async def test_a_tool_that_hangs_is_given_up(hosts: Hosts, connect: Connect) -> None:
    """A call ends within its own time, and those after it are answered."""
    transport = connect(hosts[0])
    with pytest.raises(Transient, match=rf"{hosts[0].ip} did not answer 'hang' within 0.5 s"):
        await transport.call("hang", {}, timeout=0.5)
    assert (await transport.call("echo", {"still": "here"}))["said"] == {"still": "here"}


async def test_followed_logs_do_not_hold_up_calls(hosts: Hosts, connect: Connect) -> None:
    """With as many streams open as there may be, calls are answered; a stream given up makes room for another."""
    transport = connect(hosts[0])
    streams = [transport.stream("ticks", {}) for _ in range(STREAMS_AT_ONCE)]
    assert [await anext(stream) for stream in streams] == [b"tick\n"] * STREAMS_AT_ONCE
    assert (await transport.call("echo", {"still": "here"}))["said"] == {"still": "here"}
    await streams[0].aclose()  # type: ignore[attr-defined]  # an async generator, as the contract has it
    async with aclosing(transport.stream("ticks", {})) as another:  # type: ignore[type-var]
        assert await anext(another) == b"tick\n"


async def test_a_quiet_stream_ends_on_the_machine_when_it_is_given_up(hosts: Hosts, connect: Connect) -> None:
    """Reading a log that says nothing leaves no process behind, or sshd would run out of sessions."""
    transport = connect(hosts[0])

    async def read() -> list[bytes]:
        return [chunk async for chunk in transport.stream("wait", {})]

    waiting = asyncio.create_task(read())

    async def tools_run() -> bool:
        return TEST_TOOL.name in await hosts[0].run("ps", "-eo", "args")

    async def no_tool_runs() -> bool:
        return not await tools_run()

    await until(tools_run)
    waiting.cancel()
    await until(no_tool_runs)


async def test_forward_leads_there_and_survives_a_lost_connection(hosts: Hosts, connect: Connect) -> None:
    """An address keeps leading to a port of the machine's own loopback, also after the connection was lost."""
    server = "import http.server as h; h.HTTPServer(('127.0.0.1', 22900), h.SimpleHTTPRequestHandler).serve_forever()"
    await hosts[0].run("sh", "-c", f'cd /root && setsid python3 -c "{server}" > /dev/null 2>&1 &')
    transport = connect(hosts[0])
    address = await transport.forward(Address("127.0.0.1", 22900))

    async def answers() -> bool:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        response = await reader.read()
        writer.close()
        return b"200 OK" in response

    await until(answers)
    for pid in hosts[0].processes():
        if "sshd: root" in await run("ps", "-p", str(pid), "-o", "args="):
            os.kill(pid, signal.SIGKILL)
    await until(answers)
    assert await transport.forward(Address("127.0.0.1", 22900)) == address


async def test_the_tool_is_sent_once(hosts: Hosts, connect: Connect) -> None:
    """A second connection finds the tool in its place; nobody but its owner may read or change it."""
    await connect(hosts[0]).call("echo", {})
    placed = hosts[0].home / ".sky/node" / TEST_TOOL.name
    before = placed.stat()
    assert placed.read_bytes() == TEST_TOOL.data
    await connect(hosts[0]).call("echo", {})
    assert (placed.stat().st_ino, placed.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert before.st_mode & 0o077 == 0


async def test_a_machine_without_python_is_told(hosts: Hosts, connect: Connect) -> None:
    """The error says what to install where."""
    await hosts[0].run("sh", "-c", "rm -f /usr/bin/python3 /usr/local/bin/python3")
    with pytest.raises(Unsupported, match=rf"{hosts[0].ip} has no python3\. Install Python 3\.8"):
        await connect(hosts[0]).call("echo", {})


async def test_an_old_python_is_told(hosts: Hosts, connect: Connect) -> None:
    """The error says which Python is there and which is needed."""
    await hosts[0].run("sh", "-c", "rm -f /usr/local/bin/python3; printf '#!/bin/sh\necho 3.6\n' > /usr/bin/p3")
    await hosts[0].run("sh", "-c", "chmod +x /usr/bin/p3; ln -sf p3 /usr/bin/python3")
    with pytest.raises(Unsupported, match=rf"{hosts[0].ip} has Python 3\.6\. Install Python 3\.8"):
        await connect(hosts[0]).call("echo", {})


async def test_a_wrong_key_is_unauthorized(hosts: Hosts, known_hosts: KnownHosts) -> None:
    """A machine that refuses us is told with the file to correct, and never with the password."""
    key = hosts.identity_file.with_name("other")
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    host = PoolHost(hosts[0].ip, Login("root", str(key), "hunter2"))
    transport = SshTransport(host, known_hosts, None, TEST_TOOL)
    with pytest.raises(Unauthorized, match=r"refused the login.*ssh_node_pools\.yaml") as refused:
        await transport.call("echo", {})
    assert "hunter2" not in str(refused.value)
    await transport.close()


async def test_the_host_key_is_pinned_and_another_is_refused(
    hosts: Hosts, connect: Connect, known_hosts: KnownHosts
) -> None:
    """Met again with its key, a machine is trusted; with another key it is not, until its line is removed."""
    await connect(hosts[0]).call("echo", {})
    pinned = known_hosts.path.read_text()
    await connect(hosts[0]).call("echo", {})
    assert known_hosts.path.read_text() == pinned
    known_hosts.path.write_text(pinned.replace(hosts[0].ip, hosts[1].ip))
    with pytest.raises(Unauthorized, match=rf"{hosts[1].ip} shows another host key .*ssh_known_hosts:1"):
        await connect(hosts[1]).call("echo", {})
    known_hosts.path.write_text("")
    await connect(hosts[1]).call("echo", {})
    assert known_hosts.find(hosts[1].ip, 22)


async def test_an_upgraded_tool_sits_beside_the_old_one(hosts: Hosts, known_hosts: KnownHosts) -> None:
    """Two versions of the tool do not disturb each other: each is a file named by what it holds."""
    login = Login("root", str(hosts.identity_file))
    for data in (TEST_TOOL.data, TEST_TOOL.data + b"\n# newer\n"):
        tool = Tool(f"{hashlib.sha256(data).hexdigest()[:16]}.pyz", data)
        transport = SshTransport(PoolHost(hosts[0].ip, login), known_hosts, None, tool)
        await transport.call("echo", {})
        await transport.close()
    assert len(list((hosts[0].home / ".sky/node").iterdir())) == 2


async def test_an_alias_behind_a_jump_host(hosts: Hosts, known_hosts: KnownHosts, tmp_path: Path) -> None:
    """The user's ssh configuration leads to a machine through another, and its own address is what is published."""
    jump, target = hosts
    trusted = tmp_path / "known_hosts"
    trusted.write_text(await run("ssh-keyscan", "-t", "ed25519", jump.ip))
    config = tmp_path / "config"
    config.write_text(
        f"Host jump\n  HostName {jump.ip}\n  User root\n  IdentityFile {hosts.identity_file}\n"
        f"  UserKnownHostsFile {trusted}\n"
        f"Host inner\n  HostName {target.ip}\n  User root\n  IdentityFile {hosts.identity_file}\n  ProxyJump jump\n"
    )
    transport = SshTransport(PoolHost("inner"), known_hosts, config, TEST_TOOL)
    assert (await transport.call("echo", {}))["said"] == {}
    assert (transport.host, transport.publish) == ("inner", target.ip)
    assert known_hosts.find(target.ip, 22)
    await transport.close()
    trusted.write_text("")
    with pytest.raises(Unauthorized, match="jump host cannot be trusted"):
        await transport.call("echo", {})
