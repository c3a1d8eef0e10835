"""A machine reached over ssh: each call is one run of the tool in a channel of the machine's one connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import asyncssh

from skyserve.contracts.errors import Transient
from skyserve.infra.machine import protocol
from skyserve.infra.machine.bundle import Tool
from skyserve.infra.ssh.connection import Connection, reason
from skyserve.infra.ssh.forwarding import Forwards
from skyserve.infra.ssh.known_hosts import KnownHosts
from skyserve.infra.ssh.placement import DIRECTORY, start_command
from skyserve.infra.ssh.pools import PoolHost
from skyserve.model.place import Address

CALLS_AT_ONCE = 3
STREAMS_AT_ONCE = 5
"""Apart from each other, so that logs being followed cannot hold up calls; together fewer than the ten sessions that
sshd allows on one connection (MaxSessions), since a session ends a little later there than here."""
STREAM_START = 30.0
"""Seconds for a stream to get its turn and its first answer."""
CHUNK = 1 << 16


class SshTransport:
    """The Transport of one machine of a pool."""

    def __init__(self, host: PoolHost, known_hosts: KnownHosts, ssh_config: Path | None, tool: Tool) -> None:
        self._host = host
        self._start = start_command(tool)
        self._connection = Connection(host, known_hosts, ssh_config, tool)
        self._forwards = Forwards(self._connection)
        self._calls = asyncio.Semaphore(CALLS_AT_ONCE)
        self._streams = asyncio.Semaphore(STREAMS_AT_ONCE)

    @property
    def host(self) -> str:
        """Its name in the pool."""
        return self._host.name

    @property
    def publish(self) -> str:
        """Its IP address, once it was reached."""
        return self._connection.address

    async def call(
        self, command: str, request: Mapping[str, Any], *, body: AsyncIterable[bytes] | None = None, timeout: float = 30
    ) -> dict[str, Any]:
        """See Transport."""
        try:
            async with asyncio.timeout(timeout), self._calls, self._running(command, request) as process:
                await _send(process, body)
                answer = await process.stdout.read()
                return protocol.reply(answer or await _last_words(process), self.host)
        except TimeoutError:
            raise Transient(f"{self.host} did not answer {command!r} within {timeout:g} s") from None

    async def stream(self, command: str, request: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """See Transport."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(STREAM_START):
                    await stack.enter_async_context(self._streams)
                    process = await stack.enter_async_context(self._running(command, request))
                    await _send(process, None)
                    protocol.reply(await process.stdout.readline() or await _last_words(process), self.host)
            except TimeoutError:
                raise Transient(
                    f"{self.host} did not answer {command!r} within {STREAM_START:g} s; "
                    f"at most {STREAMS_AT_ONCE} logs of one machine are followed at once"
                ) from None
            while chunk := await process.stdout.read(CHUNK):
                yield chunk
            await process.wait_closed()
            if process.exit_status != 0:
                raise Transient(f"{self.host}: {command!r} broke off")

    async def forward(self, address: Address) -> Address:
        """See Transport. The address stays good when the connection is lost and opened again."""
        return await self._forwards.to(address)

    async def close(self) -> None:
        """See Transport."""
        await self._forwards.close()
        await self._connection.close()

    @contextlib.asynccontextmanager
    async def _running(self, command: str, request: Mapping[str, Any]) -> AsyncIterator[asyncssh.SSHClientProcess]:
        """The tool, given its request. What happens to the connection meanwhile is Transient."""
        connection = await self._connection.get()
        try:
            process = await connection.create_process(self._start, encoding=None)
            try:
                process.stdin.write(protocol.request_line(command, DIRECTORY, request))
                yield process
            finally:
                # The tool sees that nobody listens any more; sshd carries no signal to the processes of root.
                process.close()
        except (OSError, asyncssh.Error) as error:
            raise Transient(f"{self.host}: the connection was lost during {command!r} ({reason(error)})") from None


async def _send(process: asyncssh.SSHClientProcess, body: AsyncIterable[bytes] | None) -> None:
    """The body and the end of input. A tool that stops reading has answered already, and its answer says why."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        if body is not None:
            async for chunk in body:
                process.stdin.write(chunk)
                await process.stdin.drain()
        process.stdin.write_eof()


async def _last_words(process: asyncssh.SSHClientProcess) -> bytes:
    """Why a tool ended without an answer: the last line that it, or the shell, complained with."""
    lines: list[bytes] = (await process.stderr.read()).splitlines()
    return lines[-1] if lines else b""
