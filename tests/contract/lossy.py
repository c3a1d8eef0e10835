"""A transport whose replies can be lost after the work was done."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any

from skyserve.contracts.errors import Transient
from skyserve.infra.machine.transport import Transport
from skyserve.model.place import Address


class Losses:
    """Which replies are to be lost, and which commands were carried out."""

    def __init__(self) -> None:
        self.next: set[str] = set()
        self.carried_out: list[str] = []


class LossyTransport:
    """Passes everything on to another transport."""

    def __init__(self, inner: Transport, losses: Losses) -> None:
        self._inner = inner
        self._losses = losses

    @property
    def host(self) -> str:
        return self._inner.host

    @property
    def publish(self) -> str:
        return self._inner.publish

    async def call(
        self, command: str, request: Mapping[str, Any], *, body: AsyncIterable[bytes] | None = None, timeout: float = 30
    ) -> dict[str, Any]:
        reply = await self._inner.call(command, request, body=body, timeout=timeout)
        self._losses.carried_out.append(command)
        if command in self._losses.next:
            self._losses.next.discard(command)
            raise Transient("the reply was lost")
        return reply

    def stream(self, command: str, request: Mapping[str, Any]) -> AsyncIterator[bytes]:
        return self._inner.stream(command, request)

    async def forward(self, address: Address) -> Address:
        return await self._inner.forward(address)

    async def close(self) -> None:
        await self._inner.close()
