"""Where Envoy asks the gates: a server of its external processing protocol, on a Unix socket.

There is one stream for each request, and it lives as long as the request does: Envoy closes it when the answer has been
sent, and when the client, the replica or a timeout ended the request before (docs/decisions/0008-concurrency-gate.md).
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc.aio
from envoy.service.ext_proc.v3 import external_processor_pb2 as ext_proc

from skyserve.endpoint.gate import answers
from skyserve.endpoint.gate.asking import Asking
from skyserve.endpoint.gate.gate import Admission, Gate
from skyserve.endpoint.gate.guide import Guide
from skyserve.endpoint.gate.slots import Place
from skyserve.endpoint.translate.gate import GRACE_SECONDS, SERVICE_HEADER

_SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"

Requests = AsyncIterator[ext_proc.ProcessingRequest]


class GateServer:
    """Leads each request to the gate of its service."""

    def __init__(self, socket: Path, gate_of: Callable[[str], Gate | Guide | None]) -> None:
        """`gate_of`: by the service's resource name; None where nothing is limited or led."""
        self._socket = socket
        self._gate_of = gate_of
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen. A socket that a dead controller left is replaced."""
        handler = grpc.stream_stream_rpc_method_handler(
            self._serve,
            request_deserializer=ext_proc.ProcessingRequest.FromString,
            response_serializer=ext_proc.ProcessingResponse.SerializeToString,
        )
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {"Process": handler}),))
        self._server.add_insecure_port(f"unix:{self._socket}")
        await self._server.start()
        self._socket.chmod(0o600)

    async def close(self) -> None:
        """Hang up: Envoy lets through who waits, and those under way go on."""
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None

    async def _serve(self, requests: Requests, context: Any) -> None:
        """One request, from its headers to its end."""
        told = dict(context.invocation_metadata())
        gate = self._gate_of(str(told.get(SERVICE_HEADER, "")))
        first = await anext(requests)
        if isinstance(gate, Gate):
            await _pass_gate(gate, first, requests, context)
        elif isinstance(gate, Guide):
            await _be_led(gate, requests, context)
        else:
            await context.write(answers.go(None))


async def _pass_gate(gate: Gate, first: ext_proc.ProcessingRequest, requests: Requests, context: Any) -> None:
    ticket = gate.ask(_asking(first))
    if ticket.queued and ticket.asking.company and gate.room is not None:
        gate.excuse(ticket)  # before whoever keeps it company asks for it
        await context.write(answers.keep_company(gate.room))
        return
    try:
        if not ticket.verdict.done():
            await context.write(answers.wait(gate.patience(ticket) + GRACE_SECONDS))
        verdict = await gate.verdict(ticket)
        if isinstance(verdict, Admission):
            await _go(verdict.place, requests, context)
        else:
            await context.write(answers.refuse(verdict))
    finally:
        gate.leave(ticket)


async def _be_led(guide: Guide, requests: Requests, context: Any) -> None:
    place = guide.lead()
    try:
        await _go(place, requests, context)
    finally:
        guide.leave(place)


async def _go(place: Place, requests: Requests, context: Any) -> None:
    """Until the request has ended."""
    await context.write(answers.go(place))
    async for _ in requests:
        await context.write(answers.pass_trailers())


def _asking(first: ext_proc.ProcessingRequest) -> Asking:
    headers = first.request_headers.headers.headers
    return Asking.of({header.key: (header.raw_value or header.value.encode()).decode("latin-1") for header in headers})
