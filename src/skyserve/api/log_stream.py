"""A log as an HTTP answer: text that comes as it is written, until its end or until the reader hangs up."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class LogStream(Response):
    """Sends what an iterator yields.

    The status line waits for the first step of the iterator, so that an error it raises there (no such replica)
    is still told as an error. An error after that cuts the connection: the reader sees that the log is incomplete.
    """

    media_type = "text/plain"

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        super().__init__()
        # The length that the base class gave is that of an empty body.
        del self.headers["content-length"]
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        reader_left = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({sending, reader_left}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader_left.cancel()
            sending.cancel()
            await asyncio.wait({sending, reader_left})
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        started = False
        try:
            async for chunk in self._chunks:
                if not started:
                    started = True
                    await self._start(send)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            if isinstance(self._chunks, AsyncGenerator):
                await self._chunks.aclose()
        if not started:
            await self._start(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def encoded(lines: AsyncIterator[str]) -> AsyncGenerator[bytes, None]:
    """Lines as UTF-8, each with its line end."""
    try:
        async for line in lines:
            yield line.encode() + b"\n"
    finally:
        if isinstance(lines, AsyncGenerator):
            await lines.aclose()
