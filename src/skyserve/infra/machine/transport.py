"""How the controller talks to the machine-side tool: one call is one short-lived run of it.

The tool (skyserve.infra.machine.node, standard library only, Python 3.8+) runs on the machine that holds the
replicas. A call sends one line of JSON, then raw bytes if the command takes any; the answer is one line of JSON,
or a stream of raw bytes. Nothing goes by argument list, since requests hold secrets.
"""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, Protocol

from skyserve.model.place import Address


class Transport(Protocol):
    """One machine."""

    @property
    def host(self) -> str:
        """Its name in the pool; `localhost` for this machine. The zone of its Place."""
        ...

    @property
    def publish(self) -> str:
        """`direct`: the controller shares this machine, so addresses within it will do.
        Otherwise the machine's address as the endpoint can reach it; ports of replicas are opened there."""
        ...

    async def call(
        self, command: str, request: Mapping[str, Any], *, body: AsyncIterable[bytes] | None = None, timeout: float = 30
    ) -> dict[str, Any]:
        """Run one command of the tool and return its reply.

        Raises the InfraError that the tool names, Transient if the machine cannot be reached or does not answer
        in `timeout` seconds, Unauthorized if it refuses us or its host key is not the pinned one.
        """
        ...

    def stream(self, command: str, request: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """Run one command whose reply is raw bytes. Raises as `call` does, at the first step."""
        ...

    async def forward(self, address: Address) -> Address:
        """An address on this machine that leads to `address` as seen from that machine."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...
