"""A client that is kept company while it waits: one that takes a stream of events, and asked for comments in it, which
tell it and all between that the connection lives.

Its answer has begun then, so that Envoy cannot send the request on any more: this request alone passes through the
controller, body and answer, by way of the service's own port.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from skyserve.endpoint.translate.courier import COURIER_HEADER
from skyserve.endpoint.translate.waiting import BODY_BYTES, KEEPALIVE_HEADER
from skyserve.endpoint.waiting.answers import Answer
from skyserve.endpoint.waiting.connection import Stream
from skyserve.endpoint.waiting.keepalive import EVENTS
from skyserve.endpoint.waiting.visitor import Visitor

_COMMENT = b": waiting for a replica\n\n"
_OWN = frozenset({"connection", "content-length", "accept-encoding", "transfer-encoding", KEEPALIVE_HEADER})
"""Headers that are of one hop, or would have the answer come in a form in which comments have no place."""


class Accompanied(Visitor):
    """Waits like any other, but is told so."""

    def __init__(self, stream: Stream, pause: float, url: Callable[[], str], courier: str) -> None:
        """`pause`: seconds between comments; `url`: tells where the service is reached from here, without a path;
        `courier`: how the endpoint knows what comes from here."""
        super().__init__(stream)
        self._pause = pause
        self._url = url
        self._courier = courier
        self._body = bytearray()
        self._whole = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        if stream.whole:
            self._whole.set()
        stream.on_data = self._take

    def entered(self) -> None:
        """It waits now: begin the answer."""
        self.stream.begin(200, {"content-type": EVENTS, "cache-control": "no-cache"})
        self._do(self._talk())

    def release(self, answer: Answer) -> asyncio.Task[None]:
        """A replica is there."""
        return self.bring()

    def bring(self) -> asyncio.Task[None]:
        """Bring the request to the service's port, and the answer back. Until it begins comments go on."""
        return self._do(self._relay())

    def refuse(self, answer: Answer) -> None:
        """An error, in the form that the answer has by now."""
        if self._tasks:
            self._do(self._finish(answer.body))
        else:
            super().refuse(answer)

    def gone(self) -> None:
        """Nobody listens."""
        for task in self._tasks:
            task.cancel()

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self._tasks.append(asyncio.create_task(work))
        return self._tasks[-1]

    def _take(self, data: bytes) -> None:
        if len(self._body) <= BODY_BYTES:
            self._body += data
        if not data:
            self._whole.set()

    async def _talk(self) -> None:
        while True:
            await self.stream.write(_COMMENT)
            await asyncio.sleep(self._pause)

    async def _finish(self, event: bytes) -> None:
        """The last event. Compact JSON has no line breaks."""
        self._tasks[0].cancel()
        await self.stream.write(b"data: " + event + b"\n\n")
        self.stream.end()

    async def _relay(self) -> None:
        await self._whole.wait()
        if len(self._body) > BODY_BYTES:
            await self._finish(_error(f"A request with {KEEPALIVE_HEADER} may have {BODY_BYTES} bytes."))
            return
        # Both to the letter: a path may be written in several ways, and a header may hold any bytes.
        own = (("host", self.stream.headers[":authority"]), (COURIER_HEADER, self._courier))
        named = (*own, *self.stream.headers.items())
        headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in named if n not in _OWN and n[0] != ":"]
        target = {"target": self.stream.headers[":path"].encode("latin-1")}
        # The service's own port: who else may answer there is settled by who bound it.
        async with httpx.AsyncClient(timeout=None, trust_env=False, verify=False) as client:
            try:
                method, body = self.stream.headers[":method"], bytes(self._body)
                request = client.build_request(method, self._url(), headers=headers, content=body, extensions=target)
                await self._pass_on(await client.send(request, stream=True))
            except httpx.HTTPError:
                self._tasks[0].cancel()
                self.stream.cut()

    async def _pass_on(self, response: httpx.Response) -> None:
        if response.status_code == 200 and response.headers.get("content-type", "").startswith(EVENTS):
            self._tasks[0].cancel()
            async for data in response.aiter_raw():
                await self.stream.write(data)
            self.stream.end()
            return
        text = (await response.aread()).decode(errors="replace")
        event = _error(f"The service answered with status {response.status_code}: {text[:1000]}")
        with contextlib.suppress(ValueError):
            event = json.dumps(json.loads(text)).encode()
        await self._finish(event)


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "bad_answer", "code": 502}}).encode()
