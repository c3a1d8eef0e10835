"""A process that commits to a store as fast as it can until it is killed, telling each commit once it is done.

Every commit adds two replicas, puts one, forgets an old one, and records an event that names its generation.
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from skyserve.contracts.store import AddReplica, Change, ForgetReplica, PutReplica
from skyserve.model.event import Event
from skyserve.store.opening import open_store
from tests.store.samples import OFFER, ended


async def main(path: Path) -> None:
    """Go on from whatever the last process left."""
    store = await open_store(path)
    (service,) = await store.services()
    while True:
        record = await store.load(service.id)
        assert record is not None
        changes: list[Change] = [AddReplica(1, OFFER, 20.5), AddReplica(1, OFFER, 20.5)]
        if record.replicas:
            oldest, newest = record.replicas[0], record.replicas[-1]
            changes += [PutReplica(replace(ended(newest), detail="put")), ForgetReplica(oldest.id)]
        generation = record.service.generation
        event = Event(0.0, service.id, "x", str(generation + 1))
        service = await store.commit(service.id, generation, changes, [event])
        print(service.generation, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
