"""contracts.store.Store on a SQL database: SQLite beside one controller, PostgreSQL where several machines share it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from skyserve.contracts.errors import NameTaken, Superseded
from skyserve.contracts.store import (
    AddKey,
    AddReplica,
    Change,
    ForgetKey,
    ForgetReplica,
    PutKeyUsage,
    PutReplica,
    PutService,
    Record,
    VersionRecord,
)
from skyserve.model.event import Event
from skyserve.model.replica import Phase, Replica
from skyserve.model.service import Goal, Service
from skyserve.store.keys import change_key, keys_of
from skyserve.store.schema import events, installation, replicas, services, version_trees, versions
from skyserve.store.unbroken import unbroken
from skyserve.store.values import decode, encode
from skyserve.store.versions import change_version, put_first_version

EVENTS_KEPT = 10_000
"""Newest events kept of each service, and of all removed services together: weeks of a quiet service."""

FIXED = frozenset({"id", "name", "port", "created_at", "generation"})
"""Fields of a service that no decision changes; the generation is the store's own."""


class SqlStore:
    """State in a SQL database. Made by open_store."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # Several selects that agree with each other: SQLite's readers see one state anyway, others are asked to.
        snapshot = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        self._reader = engine.execution_options(skyserve_reads=True, **snapshot)
        # SQLite has one writer at a time. Who waits for it there looks again from time to time, whoever came first, and
        # holds a connection meanwhile that a reader could use.
        self._turn = asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()

    @unbroken
    async def owner(self) -> str:
        """The id of this installation, made with the database."""
        async with self._reader.begin() as tx:
            owner: str = (await tx.execute(select(installation.c.owner))).scalar_one()
        return owner

    @unbroken
    async def create_service(
        self, name: str, port: int, document: str, trees: tuple[tuple[str, str], ...], now: float
    ) -> Record:
        """A service with version 1 and no replicas. Raises NameTaken."""
        row = encode(Service(0, name, port, Goal.RUN, now)) | {"next_replica_id": 1}
        del row["id"]  # the database's to give
        async with self._turn, self._engine.begin() as tx:
            try:
                service_id = (await tx.execute(insert(services).values(row).returning(services.c.id))).scalar_one()
            except IntegrityError:
                raise NameTaken(f"a service named {name} exists") from None
            await put_first_version(tx, service_id, document, trees, now)
            record = await _load(tx, service_id)
        assert record is not None
        return record

    @unbroken
    async def services(self) -> Sequence[Service]:
        """All, ascending by name."""
        async with self._reader.begin() as tx:
            rows = (await tx.execute(select(services))).mappings().all()
        # Sorted here, since databases differ in how they compare names.
        return sorted((_service(row) for row in rows), key=lambda service: service.name)

    @unbroken
    async def load(self, service_id: int) -> Record | None:
        """All of one service, in one consistent read; None if there is none."""
        async with self._reader.begin() as tx:
            return await _load(tx, service_id)

    @unbroken
    async def commit(
        self, service_id: int, generation: int, changes: Sequence[Change], events: Sequence[Event] = ()
    ) -> Service:
        """Write all or nothing; the generation grows by one.

        Raises Superseded if it is not `generation` any more, KeyError for a replica or a version that does not exist,
        ValueError for what belongs to another service or is in use. Forgetting a replica that is forgotten changes
        nothing.
        """
        async with self._guarded(service_id, generation) as tx:
            for change in changes:
                await _apply(tx, service_id, change)
            if events:
                await _record(tx, service_id, events)
            row = (await tx.execute(select(services).where(services.c.id == service_id))).mappings().one()
        return _service(row)

    @unbroken
    async def remove_service(self, service_id: int, generation: int) -> None:
        """Forget the service, its versions and replicas. Its id and its events stay. Raises Superseded."""
        async with self._guarded(service_id, generation) as tx:
            await tx.execute(delete(services).where(services.c.id == service_id))
            await _prune(tx, events.c.service_id.not_in(select(services.c.id)))

    @unbroken
    async def events(self, service_id: int, after: int = 0, limit: int = 1000) -> Sequence[tuple[int, Event]]:
        """(sequence number, event), ascending, of those with a number above `after`."""
        wanted = (
            select(events)
            .where(events.c.service_id == service_id, events.c.sequence > after)
            .order_by(events.c.sequence)
            .limit(limit)
        )
        async with self._reader.begin() as tx:
            rows = (await tx.execute(wanted)).mappings().all()
        return [(row["sequence"], decode(Event, row, f"event {row['sequence']}")) for row in rows]

    @unbroken
    async def live_trees(self) -> frozenset[str]:
        """Ids of all trees that some version names."""
        async with self._reader.begin() as tx:
            return frozenset((await tx.execute(select(version_trees.c.tree_id).distinct())).scalars())

    async def close(self) -> None:
        """Let go of connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _guarded(self, service_id: int, generation: int) -> AsyncIterator[AsyncConnection]:
        """A transaction of the one writer that knows the service's latest generation; others wait, then have lost."""
        moved = (
            update(services)
            .where(services.c.id == service_id, services.c.generation == generation)
            .values(generation=generation + 1)
        )
        async with self._turn, self._engine.begin() as tx:
            if (await tx.execute(moved)).rowcount != 1:
                raise Superseded(f"service {service_id} has moved on from generation {generation}")
            yield tx


async def _load(tx: AsyncConnection, service_id: int) -> Record | None:
    row = (await tx.execute(select(services).where(services.c.id == service_id))).mappings().one_or_none()
    if row is None:
        return None
    trees: dict[int, list[tuple[str, str]]] = {}
    ours = version_trees.c.service_id == service_id
    for tree in await tx.execute(select(version_trees).where(ours).order_by(version_trees.c.position)):
        trees.setdefault(tree.number, []).append((tree.destination, tree.tree_id))
    wanted = select(versions).where(versions.c.service_id == service_id).order_by(versions.c.number)
    version_rows = (await tx.execute(wanted)).mappings().all()
    wanted = select(replicas).where(replicas.c.service_id == service_id).order_by(replicas.c.id)
    replica_rows = (await tx.execute(wanted)).mappings().all()
    return Record(
        _service(row),
        tuple(VersionRecord(**version, trees=tuple(trees.get(version["number"], ()))) for version in version_rows),
        tuple(decode(Replica, row, f"replica {row['id']} of service {service_id}") for row in replica_rows),
        await keys_of(tx, service_id),
    )


def _service(row: Any) -> Service:
    return decode(Service, row, f"service {row['id']}")


async def _apply(tx: AsyncConnection, service_id: int, change: Change) -> None:
    match change:
        case AddReplica():
            await _add_replica(tx, service_id, change)
        case PutReplica(replica):
            if replica.service_id != service_id:
                raise ValueError(f"replica {replica.id} is of service {replica.service_id}, not {service_id}")
            ours = (replicas.c.service_id == service_id) & (replicas.c.id == replica.id)
            if (await tx.execute(update(replicas).where(ours).values(encode(replica)))).rowcount != 1:
                raise KeyError(f"service {service_id} has no replica {replica.id}")
        case ForgetReplica(replica_id):
            ours = (replicas.c.service_id == service_id) & (replicas.c.id == replica_id)
            await tx.execute(delete(replicas).where(ours))
        case PutService(service):
            if service.id != service_id:
                raise ValueError(f"a decision about service {service_id} cannot change service {service.id}")
            fields = {name: value for name, value in encode(service).items() if name not in FIXED}
            await tx.execute(update(services).where(services.c.id == service_id).values(fields))
        case AddKey() | PutKeyUsage() | ForgetKey():
            await change_key(tx, service_id, change)
        case _:
            await change_version(tx, service_id, change)


async def _add_replica(tx: AsyncConnection, service_id: int, change: AddReplica) -> None:
    """The next id is a column of the service, so that neither forgetting a replica nor a restart gives it twice."""
    counted = (
        update(services)
        .where(services.c.id == service_id)
        .values(next_replica_id=services.c.next_replica_id + 1)
        .returning(services.c.next_replica_id)
    )
    replica_id = (await tx.execute(counted)).scalar_one() - 1
    replica = Replica(service_id, replica_id, change.version, Phase.PENDING, change.at, change.at, change.offer)
    try:
        await tx.execute(insert(replicas).values(encode(replica)))
    except IntegrityError:
        raise KeyError(f"service {service_id} has no version {change.version}") from None


async def _record(tx: AsyncConnection, service_id: int, happened: Sequence[Event]) -> None:
    for one in happened:
        if one.service_id != service_id:
            raise ValueError(f"an event of service {one.service_id} in a decision about service {service_id}")
    await tx.execute(insert(events), [encode(one) for one in happened])
    await _prune(tx, events.c.service_id == service_id)


async def _prune(tx: AsyncConnection, which: Any) -> None:
    """Keep the newest of the events that `which` selects."""
    oldest_kept = select(events.c.sequence).where(which).order_by(events.c.sequence.desc()).offset(EVENTS_KEPT).limit(1)
    await tx.execute(delete(events).where(which, events.c.sequence <= oldest_kept.scalar_subquery()))
