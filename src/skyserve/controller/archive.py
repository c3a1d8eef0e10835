"""Logs of replicas: live from the machine, and saved before the machine goes."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from skyserve.contracts.infra import Infra
from skyserve.model.home import Home
from skyserve.model.instance import Instance
from skyserve.model.snapshot import Stage

ARCHIVE_SECONDS = 10.0
"""Longest time to save what a replica printed before it is gone."""
ARCHIVE_LINES = 10_000
"""So many last lines of each log are saved."""
ARCHIVE_BYTES = 32 * 2**20
"""A stage of a replica is saved no further: lines may be long, and the disk is everybody's."""
LOGGED = (Stage.SETUP, Stage.RUN)
"""The stages that print, in their order."""
_CHUNK = 65536


def archive_path(home: Home, service_id: int, replica_id: int) -> Path:
    """Where the saved log of a replica is."""
    return home.service_logs(service_id) / f"replica-{replica_id}.log"


def partial_path(path: Path) -> Path:
    """Where a log is while it is being saved to `path`."""
    return path.with_suffix(".part")


def forget_logs(home: Home, service_id: int, replica_id: int) -> None:
    """Delete all that was saved of a replica."""
    for path in home.service_logs(service_id).glob(f"replica-{replica_id}.*"):
        path.unlink(missing_ok=True)


async def archive(path: Path, infra: Infra, instance: Instance) -> None:
    """Save the logs of setup and run of all nodes, as far as they fit. 0600, since users print what they like.

    What an earlier try has saved stays until this one has all: the machine may be half gone by now.
    """
    part = partial_path(path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for stage in LOGGED:
            async for chunk in live_log(infra, instance, stage, follow=False, tail=ARCHIVE_LINES):
                file.write(chunk)
                if file.tell() >= ARCHIVE_BYTES:
                    break
    part.replace(path)


async def live_log(
    infra: Infra, instance: Instance, stage: Stage, *, follow: bool, tail: int | None
) -> AsyncIterator[bytes]:
    """One stage on every node; with several nodes each line begins with `(node N) `.

    Raises Gone or Transient.
    """
    nodes = sorted(node.rank for node in instance.nodes) or [0]
    sources = [infra.shell(instance, rank).log(stage, follow=follow, tail=tail) for rank in nodes]
    async for chunk in sources[0] if len(sources) == 1 else _merged(sources):
        yield chunk


async def _merged(sources: list[AsyncIterator[bytes]]) -> AsyncIterator[bytes]:
    """Whole lines of several streams as they come."""
    lines: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(maxsize=1000)

    async def pump(rank: int, source: AsyncIterator[bytes]) -> None:
        ended: Exception | None = None
        try:
            async for line in _lines(source):
                await lines.put(b"(node %d) %s" % (rank, line))
        except Exception as error:  # raised where the lines are read
            ended = error
        await lines.put(ended)

    pumps = [asyncio.create_task(pump(rank, source)) for rank, source in enumerate(sources)]
    try:
        open_sources = len(pumps)
        while open_sources:
            match await lines.get():
                case None:
                    open_sources -= 1
                case Exception() as error:
                    raise error
                case line:
                    yield line
    finally:
        for task in pumps:
            task.cancel()


async def _lines(source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines; one that is endless, as a progress bar's may be, in pieces."""
    rest = b""
    async for chunk in source:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line + b"\n"
        if len(rest) >= _CHUNK:
            yield rest + b"\n"
            rest = b""
    if rest:
        yield rest + b"\n"


async def saved_log(path: Path, tail: int | None) -> AsyncIterator[bytes]:
    """A saved log, whole or its last lines. Nothing if there is none."""
    if not await asyncio.to_thread(path.exists):
        return
    data = await asyncio.to_thread(path.read_bytes)
    if tail is not None:
        data = b"".join(data.splitlines(keepends=True)[-tail:]) if tail else b""
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]
