"""One machine as the controller sees it: what it has, what runs on it; asked once for many askers."""

import asyncio
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Any

from skyserve.contracts.infra import ScriptState, ScriptStatus
from skyserve.infra.machine.transport import Transport
from skyserve.model.instance import InstanceState
from skyserve.model.place import Address

_LISTING_TIMEOUT = 15
_FACTS_FRESH_SECONDS = 60.0
_FACTS_TIMEOUT = 40
"""nvidia-smi is slow on its first call after boot."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a machine has."""

    cpus: float
    memory_gib: float
    gpus: tuple[str, ...]
    """Names of the devices."""
    ways: tuple[tuple[str, bool, str], ...]
    """(name, works, detail) of each way to make a port space, best first."""

    @property
    def way(self) -> str | None:
        """How port spaces are made there; None if no way works."""
        return next((name for name, works, _ in self.ways if works), None)


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One node of an instance, as its machine has it."""

    name: str
    """What the tool calls it: `<instance>.<rank>`."""
    host: str
    instance: str
    rank: int
    num_nodes: int
    hosts: tuple[str, ...]
    token: str
    owner: str
    cpus: float
    memory_gib: float
    gpus: int
    ip: str
    addresses: Mapping[int, Address]
    created_at: float
    state: InstanceState
    scripts: Mapping[str, ScriptStatus]

    @classmethod
    def read(cls, host: str, raw: Mapping[str, Any]) -> "NodeRecord":
        """From the tool's JSON."""
        reached_at = "127.0.0.1" if raw["publish"] == "direct" else raw["publish"]
        host_ports = {int(port): host_port for port, host_port in raw["host_ports"].items()}
        addresses = {
            port: Address(reached_at, host_ports[port]) if port in host_ports else Address(raw["ip"], port)
            for port in raw["ports"]
        }
        return cls(
            name=f"{raw['instance']}.{raw['rank']}",
            host=host,
            instance=raw["instance"],
            rank=raw["rank"],
            num_nodes=raw["num_nodes"],
            hosts=tuple(raw["hosts"]),
            token=raw["token"],
            owner=raw["owner"],
            cpus=raw["cpus"],
            memory_gib=raw["memory_gib"],
            gpus=len(raw["gpus"]),
            ip=raw["ip"],
            addresses=addresses,
            created_at=raw["created_at"],
            state=InstanceState(raw["state"]),
            scripts={
                name: ScriptStatus(ScriptState(status["state"]), status["exit_code"])
                for name, status in raw["scripts"].items()
            },
        )


class Machine:
    """A transport, and what was last learned through it."""

    def __init__(self, transport: Transport, listing_seconds: float) -> None:
        self.transport = transport
        self._listing_seconds = listing_seconds
        self.host = transport.host
        self._listing: asyncio.Task[tuple[NodeRecord, ...]] | None = None
        self._listed_at = 0.0
        self._facts: Facts | None = None
        self._facts_at = 0.0

    async def facts(self, ways: tuple[str, ...] | None) -> Facts:
        """What it has, not older than a minute. Raises as Transport.call does."""
        now = asyncio.get_running_loop().time()
        if self._facts is None or now - self._facts_at > _FACTS_FRESH_SECONDS:
            raw = await self.transport.call("facts", {"ways": ways}, timeout=_FACTS_TIMEOUT)
            self._facts_at = now
            self._facts = Facts(
                cpus=raw["cpus"],
                memory_gib=raw["memory_gib"],
                gpus=tuple(gpu["name"] for gpu in raw["gpus"]),
                ways=tuple((way["name"], way["works"], way["detail"]) for way in raw["ways"]),
            )
        return self._facts

    async def nodes(self) -> tuple[NodeRecord, ...]:
        """Every node there, no older than `listing_seconds` nor our last change. Raises as Transport.call does."""
        age = asyncio.get_running_loop().time() - self._listed_at
        listing = self._listing
        if listing is None or (listing.done() and age > self._listing_seconds):
            listing = self._listing = asyncio.create_task(self._list())
            # Whoever asked may have been cancelled; then nobody is left to be told of the error.
            listing.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(listing)

    async def change(
        self, command: str, request: Mapping[str, Any], *, body: AsyncIterable[bytes] | None = None, timeout: float = 30
    ) -> dict[str, Any]:
        """Run a command after which what was listed is no longer true. Raises as Transport.call does."""
        try:
            return await self.transport.call(command, request, body=body, timeout=timeout)
        finally:
            self._listing = None

    async def close(self) -> None:
        """Let go of the connection."""
        if self._listing is not None:
            self._listing.cancel()
        await self.transport.close()

    async def _list(self) -> tuple[NodeRecord, ...]:
        try:
            raw = await self.transport.call("list", {}, timeout=_LISTING_TIMEOUT)
        finally:
            self._listed_at = asyncio.get_running_loop().time()
        return tuple(NodeRecord.read(self.host, node) for node in raw["nodes"])
