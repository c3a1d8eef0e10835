"""Addresses on this machine that lead through a machine's connection to somewhere on the other side."""

import asyncio
import contextlib

import asyncssh

from skyserve.contracts.errors import InfraError
from skyserve.infra.ssh.connection import Connection
from skyserve.model.place import Address

CHUNK = 1 << 16


class Forwards:
    """Listeners of our own, not asyncssh's: they outlive the connection, and use the one there is."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._listening: dict[Address, asyncio.Server] = {}
        self._relays: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    async def to(self, address: Address) -> Address:
        """A loopback address that leads to `address` as seen from the machine; the same one each time."""
        async with self._lock:
            if address not in self._listening:
                self._listening[address] = await asyncio.start_server(
                    lambda reader, writer: self._accept(address, reader, writer), "127.0.0.1", 0
                )
        host, port = self._listening[address].sockets[0].getsockname()[:2]
        return Address(host, port)

    async def close(self) -> None:
        """Stop listening and cut what is being carried."""
        for server in self._listening.values():
            server.close()
        self._listening.clear()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    def _accept(self, address: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.create_task(self._relay(address, reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, address: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry both ways until both ends are done. Whatever goes wrong, the caller sees its connection closed."""
        with contextlib.closing(writer), contextlib.suppress(InfraError, OSError, asyncssh.Error):
            connection = await self._connection.get()
            there_reader, there_writer = await connection.open_connection(address.host, address.port)
            with contextlib.closing(there_writer):
                async with asyncio.TaskGroup() as group:
                    group.create_task(_pump(reader, there_writer))
                    group.create_task(_pump(there_reader, writer))


async def _pump(
    source: asyncio.StreamReader | asyncssh.SSHReader, sink: asyncio.StreamWriter | asyncssh.SSHWriter
) -> None:
    """Carry bytes until the source ends. An end that breaks ends this direction, and with it its writer's."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while chunk := await source.read(CHUNK):
            sink.write(chunk)
            await sink.drain()
    with contextlib.suppress(OSError):
        sink.write_eof()
