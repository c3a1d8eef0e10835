"""What the database holds, kept a second time from what was written: to be compared with what is read, and to be looked
at without a query."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar

from skyserve.contracts.clock import Clock
from skyserve.contracts.store import AddReplica, Change, ForgetReplica, PutReplica, PutService, Record, VersionRecord
from skyserve.model.event import Event
from skyserve.model.replica import Phase, Replica
from skyserve.model.service import Service, Target
from skyserve.sim.faithful.faults import Fault, Faults
from skyserve.sim.faithful.software import FLAW, MUTE
from skyserve.spec.target import target_of
from skyserve.spec.task import Task
from skyserve.store.sql import SqlStore

T = TypeVar("T")

UNREAD = 9
"""So many reads in a row are answered from the books; the next one is real."""


@dataclass(slots=True)
class Book:
    """One service."""

    service: Service
    targets: dict[int, Target]
    """By version."""
    hopeless: frozenset[int] = frozenset()
    """Versions of which no replica ever becomes ready."""
    rows: dict[int, Replica] = field(default_factory=dict)
    next_id: int = 1
    versions: tuple[VersionRecord, ...] = ()
    """As last read; empty after something was written that these books do not follow."""
    unread: int = 0
    """Reads that were answered from the books since the last real one."""
    unsure: bool = False
    """It may have been written since by somebody who did not live to tell."""

    @property
    def target(self) -> Target:
        """Of the version wanted."""
        return self.targets[self.wanted_version]

    @property
    def wanted_version(self) -> int:
        """The last."""
        return max(self.targets)

    def learn(self, record: Record) -> None:
        """Its versions were read."""
        tasks = {v.number: Task.model_validate_json(v.document) for v in record.versions}
        self.targets = {number: target_of(task) for number, task in tasks.items()}
        self.hopeless = frozenset(n for n, task in tasks.items() if task.setup == FLAW or task.run == MUTE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction."""

    book: Book
    """As it is afterwards."""
    before: dict[int, Replica]
    service_before: Service
    changes: tuple[Change, ...]
    events: tuple[Event, ...]


class Books:
    """All services."""

    def __init__(self, clock: Clock, on_entry: Callable[[Entry], None], on_difference: Callable[[str], None]) -> None:
        """`on_entry` is told of each transaction; `on_difference`, in words, of a read that is not what was written."""
        self._clock = clock
        self._on_entry = on_entry
        self._on_difference = on_difference
        self.open: dict[int, Book] = {}
        """By service id."""
        self.held: dict[str, tuple[float, float]] = {}
        """By the token of a replica: from when to when, in true time, it was written that it may hold a machine."""
        self._last_id = 0
        self._unsure = False
        """A transaction was begun by somebody who died before it was known whether it was done."""

    def begin(self, record: Record) -> None:
        """A service was created."""
        service = record.service
        if service.id <= self._last_id:
            self._on_difference(f"service id {service.id} was used before")
        self._last_id = service.id
        self.open[service.id] = book = Book(service, {})
        book.learn(record)

    def doubt(self) -> None:
        """Nobody was told whether a transaction was done: what is read next tells."""
        self._unsure = True

    def found(self, service_ids: Set[int]) -> None:
        """All services were read: a controller has started."""
        if self._unsure:
            self.open = {service_id: book for service_id, book in self.open.items() if service_id in service_ids}
            for book in self.open.values():
                book.unsure, book.versions = True, ()
        self._unsure = False

    def enter(self, service: Service, changes: Sequence[Change], events: Sequence[Event]) -> None:
        """A transaction was done. `service`: as it left it."""
        book = self.open[service.id]
        before, service_before = dict(book.rows), book.service
        for change in changes:
            match change:
                case AddReplica():
                    number = book.next_id
                    at = change.at
                    book.rows[number] = Replica(service.id, number, change.version, Phase.PENDING, at, at, change.offer)
                    book.next_id += 1
                case PutReplica(replica):
                    book.rows[replica.id] = replica
                    self._hold(replica)
                case ForgetReplica(replica_id):
                    book.rows.pop(replica_id, None)
                case PutService():
                    pass  # as it is afterwards it was handed in
                case _:
                    book.versions = ()
        book.service = service
        self._on_entry(Entry(book, before, service_before, tuple(changes), tuple(events)))

    def _hold(self, replica: Replica) -> None:
        begin, end = self.held.get(replica.token, (self._clock.now(), inf))
        self.held[replica.token] = (begin, self._clock.now() if replica.phase is Phase.GONE else end)

    def read(self, service_id: int) -> Record | None:
        """What a read would give, where that is known and was compared not long ago."""
        book = self.open.get(service_id)
        if book is None or not book.versions or book.unread >= UNREAD:
            return None
        book.unread += 1
        return Record(book.service, book.versions, tuple(book.rows[number] for number in sorted(book.rows)))

    def compare(self, service_id: int, record: Record | None) -> None:
        """A service was read."""
        book = self.open.get(service_id)
        if record is None or book is None:
            if record is not None:
                self.begin(record)
            elif book is not None:
                self._on_difference(f"service {service_id} is gone, nobody removed it")
            return
        if [v.number for v in record.versions] != list(book.targets):
            book.learn(record)
        book.versions, book.unread = record.versions, 0
        if book.unsure:
            book.service, book.rows, book.unsure = record.service, {r.id: r for r in record.replicas}, False
            book.next_id = max(book.next_id, max(book.rows, default=0) + 1)
            for replica in record.replicas:
                self._hold(replica)
        if record.service != book.service:
            self._on_difference(f"read {record.service}, wrote {book.service}")
        if {r.id: r for r in record.replicas} != book.rows:
            self._on_difference(f"read {record.replicas}, wrote {list(book.rows.values())}")


class WatchedStore:
    """The real store, with all that passes told to the books. Somebody else may write between a read and a write."""

    def __init__(self, inner: SqlStore, books: Books, faults: Faults) -> None:
        self._inner = inner
        self._books = books
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def services(self) -> Sequence[Service]:
        """As the store does it."""
        services = await self._inner.services()
        self._books.found({service.id for service in services})
        return services

    async def create_service(self, *about: Any) -> Record:
        """As the store does it."""
        record = await self._surely(self._inner.create_service(*about))
        self._books.begin(record)
        return record

    async def load(self, service_id: int) -> Record | None:
        """As the store does it. Most reads follow upon a write, and take most of a run's time: of those only some are
        really made, and compared."""
        if (known := self._books.read(service_id)) is not None:
            return known
        record = await self._inner.load(service_id)
        self._books.compare(service_id, record)
        return record

    async def commit(
        self, service_id: int, generation: int, changes: Sequence[Change], events: Sequence[Event] = ()
    ) -> Service:
        """As the store does it; now and then after somebody else."""
        if self._faults.strikes(Fault.SUPERSEDED):
            self._books.enter(await self._surely(self._inner.commit(service_id, generation, [])), [], [])
        service = await self._surely(self._inner.commit(service_id, generation, changes, events))
        self._books.enter(service, changes, events)
        return service

    async def remove_service(self, service_id: int, generation: int) -> None:
        """As the store does it."""
        await self._surely(self._inner.remove_service(service_id, generation))
        del self._books.open[service_id]

    async def _surely(self, transaction: Awaitable[T]) -> T:
        try:
            return await transaction
        except asyncio.CancelledError:
            self._books.doubt()
            raise
