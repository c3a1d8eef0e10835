"""The control plane: an aggregated discovery service (delta xDS) for one Envoy, on a Unix socket.

Envoy connects, says what it holds, and is sent the difference; so after a restart of the controller nothing is sent
unless something has changed. It answers each message with ACK or NACK.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc.aio
from envoy.service.discovery.v3 import discovery_pb2

from skyserve.endpoint.resources import Resources
from skyserve.endpoint.subscription import Subscription, Versions
from skyserve.endpoint.translate.naming import CLUSTER, ENDPOINTS

log = logging.getLogger(__name__)

INSIST_SECONDS = 5.0
"""Until what Envoy refused is sent again."""

_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"


class _Stream:
    """One connection of Envoy."""

    def __init__(self) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.wake = asyncio.Event()
        self.node = ""
        """By what name Envoy asks."""
        self._nonces = itertools.count(1)

    def receive(self, request: discovery_pb2.DeltaDiscoveryRequest) -> None:
        """A subscription, an ACK or a NACK, or a mix."""
        self.node = request.node.id or self.node  # told once, with the first request
        kind, nonce = request.type_url, request.response_nonce
        subscribe, unsubscribe = set(request.resource_names_subscribe), set(request.resource_names_unsubscribe)
        subscription = self.subscriptions.get(kind)
        if subscription is None:
            self.subscriptions[kind] = Subscription.opened(subscribe, dict(request.initial_resource_versions))
            return
        if nonce and request.HasField("error_detail"):
            names = ", ".join(subscription.refuse(nonce))
            log.error("Envoy refuses %s of %s: %s", kind.rpartition(".")[2], names, request.error_detail.message)
        elif nonce:
            subscription.accept(nonce)
        if subscribe or unsubscribe:
            subscription.changed(subscribe, unsubscribe)

    async def stirred(self) -> None:
        """Return when there may be something to send, or the stream has ended. What was refused is sent once more
        after a while: the reason may have gone, such as a port that another program held."""
        refused = [subscription for subscription in self.subscriptions.values() if subscription.refused]
        try:
            async with asyncio.timeout(INSIST_SECONDS if refused else None):
                await self.wake.wait()
        except TimeoutError:
            for subscription in refused:
                subscription.again(subscription.refused)

    def responses(self, resources: Resources) -> list[discovery_pb2.DeltaDiscoveryResponse]:
        """What Envoy lacks, one message a kind."""
        messages = []
        for kind, wanted in resources.items():
            subscription = self.subscriptions.get(kind)
            if subscription is None:
                continue
            due = subscription.due({name: resource.version for name, resource in wanted.items()})
            if due or subscription.expects:
                if kind == CLUSTER and ENDPOINTS in self.subscriptions:
                    # A cluster that has changed waits until it is told its endpoints again, and does not ask.
                    self.subscriptions[ENDPOINTS].again(due.keys())
                nonce = str(next(self._nonces))
                subscription.sending(nonce, due)
                messages.append(_response(kind, nonce, due, resources))
        return messages


def _response(kind: str, nonce: str, due: Versions, resources: Resources) -> discovery_pb2.DeltaDiscoveryResponse:
    return discovery_pb2.DeltaDiscoveryResponse(
        type_url=kind,
        nonce=nonce,
        resources=[
            discovery_pb2.Resource(name=name, version=version, resource=resources[kind][name].body)
            for name, version in due.items()
            if version is not None
        ],
        removed_resources=[name for name, version in due.items() if version is None],
    )


class Ads:
    """Serves the resources it was given last."""

    def __init__(self, socket: Path, on_answer: Callable[[], None]) -> None:
        """`on_answer` is called when Envoy has connected, gone, or answered."""
        self._socket = socket
        self._on_answer = on_answer
        self._resources: Resources = {}
        self._node = ""
        self._streams: list[_Stream] = []
        """The oldest first. An Envoy that was replaced goes on for a while, and stays connected."""
        self._server: grpc.aio.Server | None = None

    def publish(self, resources: Resources) -> None:
        """From now on this is what Envoy should have."""
        self._resources = resources
        for stream in self._streams:
            stream.wake.set()

    def tell(self, node: str) -> None:
        """Steer the Envoy that asks by this name, and no other: one that is being replaced might close connections over
        what it were told now, which its successor should take over."""
        self._node = node
        for stream in self._streams:
            stream.wake.set()

    @property
    def _stream(self) -> _Stream | None:
        """Of the Envoy that is steered; a new one is there before an old one is known to be dead."""
        return next((stream for stream in reversed(self._streams) if stream.node == self._node), None)

    def confirmed(self, kind: str, name: str) -> bool:
        """Envoy, connected now, has taken this resource as it is published."""
        stream = self._stream
        subscription = stream.subscriptions.get(kind) if stream else None
        resource = self._resources.get(kind, {}).get(name)
        if subscription is None or resource is None:
            return False
        return subscription.confirmed.get(name) == resource.version

    async def start(self) -> None:
        """Listen. A socket that a dead controller left is replaced."""
        handler = grpc.stream_stream_rpc_method_handler(
            self._serve,
            request_deserializer=discovery_pb2.DeltaDiscoveryRequest.FromString,
            response_serializer=discovery_pb2.DeltaDiscoveryResponse.SerializeToString,
        )
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, {"DeltaAggregatedResources": handler}),)
        )
        self._server.add_insecure_port(f"unix:{self._socket}")
        await self._server.start()
        self._socket.chmod(0o600)

    async def close(self) -> None:
        """Hang up. Envoy goes on with what it has."""
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None

    async def _serve(self, requests: AsyncIterator[discovery_pb2.DeltaDiscoveryRequest], context: Any) -> None:
        """One stream. A new one is a new Envoy's, or the same one's that has lost its connection."""
        stream = _Stream()
        self._streams.append(stream)
        reader = asyncio.create_task(self._read(requests, stream))
        try:
            while not reader.done():
                stream.wake.clear()
                for response in stream.responses(self._resources) if stream.node == self._node else ():
                    await context.write(response)
                await stream.stirred()
        finally:
            reader.cancel()
            await asyncio.wait([reader])
            self._streams.remove(stream)
            self._on_answer()

    async def _read(self, requests: AsyncIterator[discovery_pb2.DeltaDiscoveryRequest], stream: _Stream) -> None:
        try:
            async for request in requests:
                stream.receive(request)
                stream.wake.set()
                self._on_answer()
        finally:
            stream.wake.set()
