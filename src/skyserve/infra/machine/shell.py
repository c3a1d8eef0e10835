"""A node's Shell: the contract's words, said to the machine-side tool."""

import asyncio
import json
from collections.abc import AsyncIterator

from skyserve.contracts.content import ContentStore, Tree
from skyserve.contracts.infra import Script, ScriptState, ScriptStatus
from skyserve.infra.machine.fleet import Fleet
from skyserve.model.instance import Instance
from skyserve.model.place import Address

_CHUNK = 1 << 18
_PUT_TIMEOUT = 3600
"""A model's weights over a slow line."""
_RENEW_TIMEOUT = 60


class MachineShell:
    """Keeps contracts.infra.Shell."""

    def __init__(self, fleet: Fleet, instance: Instance, rank: int, grace_seconds: float) -> None:
        self._fleet = fleet
        self._instance = instance
        self._rank = rank
        self._grace_seconds = grace_seconds
        self._label: str | None = None

    async def put(self, tree: Tree, content: ContentStore, destination: str) -> None:
        """Ask which blobs the machine lacks, send those, have the tree laid out."""
        machine, node = await self._fleet.locate(self._instance, self._rank)
        sizes = {entry.sha256: entry.size for entry in tree.entries if entry.sha256 is not None}
        lacking = (await machine.change("missing", {"node": node.name, "blobs": sorted(sizes)}))["missing"]
        if lacking:
            body = _blobs(content, {sha: sizes[sha] for sha in lacking})
            await machine.change("receive", {}, body=body, timeout=_PUT_TIMEOUT)
        entries = [
            {"path": str(e.path), "mode": e.mode, "sha256": e.sha256, "size": e.size, "link": e.link}
            for e in tree.entries
        ]
        request = {
            "node": node.name,
            "label": self._label,
            "destination": destination,
            "tree": tree.id,
            "entries": entries,
        }
        await machine.change("materialize", request, timeout=_PUT_TIMEOUT)

    async def renew(self, label: str) -> None:
        """Have the node's keeper end what runs under another label."""
        self._label = label
        machine, node = await self._fleet.locate(self._instance, self._rank)
        request = {"node": node.name, "label": label, "grace": self._grace_seconds}
        await machine.change("renew", request, timeout=_RENEW_TIMEOUT)

    async def start(self, name: str, script: Script) -> None:
        """Have the node's keeper start it."""
        machine, node = await self._fleet.locate(self._instance, self._rank)
        request = {
            "node": node.name,
            "label": self._label,
            "name": name,
            "body": script.body,
            "environment": dict(script.environment),
        }
        await machine.change("start", request)

    async def status(self, name: str) -> ScriptStatus:
        """As last listed: at most a second old."""
        _, node = await self._fleet.locate(self._instance, self._rank)
        return node.scripts.get(name, ScriptStatus(ScriptState.ABSENT))

    async def log(self, name: str, *, follow: bool = False, tail: int | None = None) -> AsyncIterator[bytes]:
        """Stream it from the machine."""
        machine, node = await self._fleet.locate(self._instance, self._rank)
        request = {"node": node.name, "name": name, "follow": follow, "tail": tail}
        async for chunk in machine.transport.stream("log", request):
            yield chunk

    async def forward(self, port: int) -> Address:
        """Through the machine's own address of that port."""
        machine, node = await self._fleet.locate(self._instance, self._rank)
        raw = await machine.change("expose", {"node": node.name, "port": port})
        return await machine.transport.forward(Address(raw["host"], raw["port"]))


async def _blobs(content: ContentStore, sizes: dict[str, int]) -> AsyncIterator[bytes]:
    """What the tool's `receive` reads."""
    for sha, size in sizes.items():
        yield json.dumps({"sha256": sha, "size": size}).encode() + b"\n"
        file = await asyncio.to_thread(content.blob(sha).open, "rb")
        with file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk
