"""A client that sends whatever bytes the test says: what no library would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from skyserve.model.route import RouteTable
from tests.endpoint.bench import PATIENCE_SECONDS


@asynccontextmanager
async def connected(table: RouteTable) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the service's endpoint."""
    reader, writer = await asyncio.open_connection("127.0.0.1", table.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other side hangs up, which it must do."""
    got = b""
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            while part := await reader.read(2**16):
                got += part
        except ConnectionResetError:
            pass
    return got


async def answer_to(table: RouteTable, request: bytes) -> bytes:
    """What comes back, if the request makes the endpoint hang up."""
    async with connected(table) as (reader, writer):
        writer.write(request)
        return await rest(reader)
