"""The store survives that its process is killed at any moment."""

import asyncio
import random
import sys
from pathlib import Path

from skyserve.contracts.store import Record
from skyserve.store.opening import open_store

REPOSITORY = Path(__file__).parents[2]
KILLS = 4


async def write_until_killed(path: Path, commits: int, delay: float) -> int:
    """Let a process make some commits, kill it in the middle of a later one; the last generation it told of."""
    command = [sys.executable, "-m", "tests.store.writer", str(path)]
    writer = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=REPOSITORY)
    assert writer.stdout is not None
    told = 0
    try:
        async with asyncio.timeout(60):
            for _ in range(commits):
                told = int(await writer.stdout.readline())
        await asyncio.sleep(delay)
    finally:
        writer.kill()
        rest = await writer.stdout.read()
        await writer.wait()
    whole = rest.decode().rpartition("\n")[0].split()
    return int(whole[-1]) if whole else told


def check(record: Record) -> None:
    """What each commit leaves: two more ids used, one replica fewer than that, all but the newest two put."""
    generation = record.service.generation
    ids = [replica.id for replica in record.replicas]
    assert ids == list(range(generation, 2 * generation + 1))
    put = [replica.id for replica in record.replicas if replica.detail == "put"]
    assert put == [id for id in ids if id % 2 == 0 and id < 2 * generation]


async def test_a_killed_writer_loses_nothing_it_told(tmp_path: Path) -> None:
    """After kill -9 amid commits, again and again, all that was told is there, and nothing is half there."""
    path = tmp_path / "serve.db"
    store = await open_store(path)
    service = (await store.create_service("web", 30001, "{}", (), 1.0)).service
    await store.close()
    chance = random.Random(7)
    for _ in range(KILLS):
        told = await write_until_killed(path, commits=3, delay=chance.uniform(0, 0.03))
        store = await open_store(path)
        record = await store.load(service.id)
        assert record is not None
        assert told <= record.service.generation <= told + 1
        check(record)
        reasons = [event.reason for _, event in await store.events(service.id)]
        assert reasons == [str(generation + 1) for generation in range(record.service.generation)]
        await store.close()
