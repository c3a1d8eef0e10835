"""A replica that speaks gRPC alone. Messages are plain bytes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc.aio

from skyserve.model.place import Address
from skyserve.model.service import GRPC_HEALTH

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


@dataclass
class GrpcReplica:
    """Service `test.Test`: Echo answers a message with itself, Count streams the numbers below the one it is sent, Chat
    echoes message by message, Hang begins an answer and never ends it."""

    serving: bool = True
    credentials: grpc.ServerCredentials | None = None
    """It speaks TLS."""
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a call hangs."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a call that hung was cancelled by its client."""
    address: Address = field(default_factory=lambda: Address("127.0.0.1", 0))
    _server: Any = None

    async def start(self) -> "GrpcReplica":
        """Listen."""
        self._server = grpc.aio.server()
        handlers = {
            "Echo": grpc.unary_unary_rpc_method_handler(self._echo),
            "Count": grpc.unary_stream_rpc_method_handler(self._count),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
            "Hang": grpc.unary_stream_rpc_method_handler(self._hang),
        }
        service, _, method = GRPC_HEALTH[1:].partition("/")
        health = {method: grpc.unary_unary_rpc_method_handler(self._health)}
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler("test.Test", handlers),
                grpc.method_handlers_generic_handler(service, health),
            )
        )
        anywhere = "127.0.0.1:0"
        if self.credentials is None:
            port = self._server.add_insecure_port(anywhere)
        else:
            port = self._server.add_secure_port(anywhere, self.credentials)
        self.address = Address("127.0.0.1", port)
        await self._server.start()
        return self

    async def stop(self) -> None:
        """Drop everything."""
        await self._server.stop(grace=None)

    async def _health(self, request: bytes, context: Any) -> bytes:
        return SERVING if self.serving else NOT_SERVING

    async def _echo(self, request: bytes, context: Any) -> bytes:
        if request == b"refuse":
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "none left")
        context.set_trailing_metadata((("spent", str(len(request))),))
        return request

    async def _count(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        for number in range(int(request)):
            yield str(number).encode()

    async def _chat(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield b"echo " + request

    async def _hang(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"begun"
        self.hanging.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
