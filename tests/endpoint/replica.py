"""A replica that does as the test says: a small HTTP/1.1 server. As a program it prints its port and serves."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from skyserve.model.endpoint import ReplicaKey
from skyserve.model.place import Address


@dataclass
class Request:
    """What arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """The way back to the client."""

    writer: asyncio.StreamWriter

    async def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """A whole response."""
        fields = {"content-length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.writer.write(f"HTTP/1.1 {status} OK\r\n{head}\r\n".encode() + body)
        await self.writer.drain()

    async def begin(self, content_type: str) -> None:
        """The head of a response that comes in chunks."""
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
        self.writer.write(head.encode())
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        """One chunk; an empty one is the last."""
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self.writer.drain()

    def reset(self) -> None:
        """Drop the connection with a TCP reset, as the kernel does for a process that was killed."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Request, Reply], Awaitable[None]]


def two_parts(go_on: asyncio.Event) -> Handler:
    """On /stream one event at once, `data: before`, and then `data: after` once it may go on; all else is answered at
    once."""

    async def answer(request: Request, reply: Reply) -> None:
        if request.target != "/stream":
            await reply.send(200, b"")
            return
        await reply.begin("text/event-stream")
        await reply.chunk(b"data: before\n\n")
        await go_on.wait()
        await reply.chunk(b"data: after\n\n")
        await reply.chunk(b"")

    return answer


@dataclass
class Replica:
    """Answers with its name and what it was asked, unless `handler` is set."""

    name: str
    handler: Handler | None = None
    healthy: bool = True
    key: ReplicaKey | None = None
    """Health checks without it fail; requests are the handler's affair."""
    tls: ssl.SSLContext | None = None
    """It speaks https."""
    seen: list[Request] = field(default_factory=list)
    """Requests, without Envoy's health checks."""
    address: Address = field(default_factory=lambda: Address("127.0.0.1", 0))
    _server: asyncio.Server | None = None
    _connections: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> "Replica":
        """Listen."""
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.address.port, limit=2**20, ssl=self.tls
        )
        self.address = Address("127.0.0.1", self._server.sockets[0].getsockname()[1])
        return self

    async def stop(self) -> None:
        """Refuse connections, and drop those there are."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                await self._answer(await _read(reader), Reply(writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _answer(self, request: Request, reply: Reply) -> None:
        if request.headers.get("user-agent") == "skyserve-health-check":
            shown = self.key is None or request.headers.get(self.key.header) == self.key.sent
            await reply.send(200 if self.healthy and shown else 500, b"")
            return
        self.seen.append(request)
        if self.handler is not None:
            await self.handler(request, reply)
            return
        told = {"replica": self.name, "method": request.method, "target": request.target, "headers": request.headers}
        body = b"" if request.method == "HEAD" else json.dumps(told).encode()
        await reply.send(200, body, {"server": "replica", "content-type": "application/json"})


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)


async def _main() -> None:
    replica = await Replica("process").start()
    print(replica.address.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
