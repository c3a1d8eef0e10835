"""One connection to one machine, with the tool in place: opened when first needed, and again after a loss."""

import asyncio
from pathlib import Path

import asyncssh

from skyserve.contracts.errors import InfraError, Transient, Unauthorized
from skyserve.infra.machine.bundle import Tool
from skyserve.infra.ssh.known_hosts import KnownHosts, Pin
from skyserve.infra.ssh.login import Access, access, refused
from skyserve.infra.ssh.placement import place
from skyserve.infra.ssh.pools import PoolHost

CONNECT_TIMEOUT = 5.0
"""Seconds for the TCP handshake."""
LOGIN_TIMEOUT = 10.0
"""Seconds from there until we are logged in: a frozen machine accepts connections and says nothing."""
EQUIP_TIMEOUT = 60.0
"""Seconds to send the tool (tens of kilobytes) where it is missing."""
KEEPALIVE_INTERVAL = 2.0
"""Seconds of silence after which the machine is asked whether it is there."""
KEEPALIVE_COUNT = 3
"""Questions without an answer before the connection counts as lost: eight seconds in all."""
FIRST_BACKOFF = 1.0
"""Seconds without a try after a first failure; doubles with each."""
LONGEST_BACKOFF = 15.0
"""A machine that comes back is met again within this time."""


class _Client(asyncssh.SSHClient):  # type: ignore[misc]  # asyncssh is untyped for us
    """Accepts any host key of a machine never met before: it is pinned once the login has proved it."""

    def __init__(self, met_before: bool) -> None:
        self.met_before = met_before
        self.refused_key = False

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Asked only about keys that are not pinned, and not about those of jump hosts."""
        self.refused_key = self.met_before
        return not self.met_before


class Connection:
    """Keeps at most one connection to a machine; safe to use from many tasks."""

    def __init__(self, host: PoolHost, known_hosts: KnownHosts, ssh_config: Path | None, tool: Tool) -> None:
        self._host = host
        self._tool = tool
        self._known_hosts = known_hosts
        self._ssh_config = ssh_config
        self._current: asyncssh.SSHClientConnection | None = None
        self._opening: asyncio.Task[asyncssh.SSHClientConnection] | None = None
        self._failure: InfraError | None = None
        self._backoff = 0.0
        self._retry_at = 0.0
        self.address = host.name
        """Where the machine is: its IP address once it was reached, as far as that can be told, else its name."""

    async def get(self) -> asyncssh.SSHClientConnection:
        """The connection. Raises Transient or Unauthorized.

        Nobody waits for a machine that could not be reached when it was last tried: while it is tried again, behind
        the scenes and ever more rarely, that failure is raised at once.
        """
        if self._current and not self._current.is_closed():
            return self._current
        if self._opening is None and asyncio.get_running_loop().time() >= self._retry_at:
            self._opening = asyncio.create_task(self._try_to_open())
            # Perhaps nobody waits to be told of its failure.
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        if self._failure:
            raise type(self._failure)(*self._failure.args)
        assert self._opening is not None, "a time to wait until comes with a failure"
        return await asyncio.shield(self._opening)

    async def close(self) -> None:
        """Let go of the connection. It opens again when needed."""
        if self._opening:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if self._current:
            self._current.abort()
            await self._current.wait_closed()
            self._current = None

    async def _try_to_open(self) -> asyncssh.SSHClientConnection:
        try:
            self._current = await self._open()
        except InfraError as error:
            self._backoff = min(self._backoff * 2 or FIRST_BACKOFF, LONGEST_BACKOFF)
            self._retry_at = asyncio.get_running_loop().time() + self._backoff
            self._failure = error
            raise
        finally:
            self._opening = None
        self._failure, self._backoff = None, 0.0
        return self._current

    async def _open(self) -> asyncssh.SSHClientConnection:
        how = access(self._host, self._ssh_config)
        pins = self._known_hosts.find(how.address, how.port)
        connection = await self._connect(how, pins)
        try:
            if not pins:
                self._known_hosts.pin(how.address, how.port, connection.get_server_host_key())
            # Once a connection, since the machine may be another after a loss.
            async with asyncio.timeout(EQUIP_TIMEOUT):
                await place(connection, self._tool, self._host.name)
        except BaseException as error:
            connection.abort()
            if isinstance(error, OSError | asyncssh.Error):
                words = f"{self._host.name}: the connection was lost while the tool was sent ({reason(error)})"
                raise Transient(words) from None
            raise
        # Through a jump host there is no peer that we could name.
        peer = connection.get_extra_info("peername")
        self.address = peer[0] if peer and peer[0] else how.address
        return connection

    async def _connect(self, how: Access, pins: list[Pin]) -> asyncssh.SSHClientConnection:
        name = self._host.name
        client = _Client(met_before=bool(pins))
        keys = [pin.key for pin in pins]
        try:
            return await asyncssh.connect(
                client_factory=lambda: client,
                known_hosts=lambda *_: (keys, [], []),
                connect_timeout=CONNECT_TIMEOUT,
                login_timeout=LOGIN_TIMEOUT,
                keepalive_interval=KEEPALIVE_INTERVAL,
                keepalive_count_max=KEEPALIVE_COUNT,
                **how.options,
            )
        except asyncssh.HostKeyNotVerifiable as error:
            if client.refused_key:
                raise self._known_hosts.changed(how.address, how.port) from None
            raise Unauthorized(
                f"{name}: its jump host cannot be trusted ({error.reason}). Log in to that once with `ssh`, "
                f"so that its key is in ~/.ssh/known_hosts."
            ) from None
        except asyncssh.PermissionDenied:
            raise refused(name, "it refused the login") from None
        except ValueError as error:  # A key or an option that asyncssh cannot use; it shows no secret.
            raise refused(name, str(error)) from None
        except (OSError, asyncssh.Error) as error:
            raise Transient(f"{name} cannot be reached by ssh: {reason(error)}") from None


def reason(error: BaseException) -> str:
    """Why a connection failed or was lost, in words, also for errors that bring none."""
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return str(error) or type(error).__name__
