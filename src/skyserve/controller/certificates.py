"""The certificates of endpoints: their own, which clients are shown, and those by which they and replicas know each
other."""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from skyserve.contracts.clock import Clock
from skyserve.controller.certificate_check import read_pair, read_trust
from skyserve.controller.watched import Watched
from skyserve.model.endpoint import EndpointSettings, ReplicaTls
from skyserve.model.route import Certificate, RouteTable, Trust


@dataclass(slots=True)
class _Service:
    """What is watched for one service."""

    own: Watched[Certificate] | None = None
    to_replicas: dict[ReplicaTls, Watched[Trust]] = field(default_factory=dict)
    """By how they are spoken to: during an update replicas differ."""
    kept: Set[Path] | None = None
    """Where what is used is kept; None: an earlier controller may have kept more."""

    def all(self) -> Iterator[Watched[Any]]:
        if self.own is not None:
            yield self.own
        yield from self.to_replicas.values()


class Certificates:
    """Of all services."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        """`directory`: where the last good ones are kept."""
        self._directory = directory
        self._clock = clock
        self._services: dict[int, _Service] = {}

    async def check(self, settings: EndpointSettings) -> None:
        """Raise ServeError if an endpoint could not use the files that they name."""
        now = self._clock.now()
        if settings.tls is not None:
            await asyncio.to_thread(read_pair, settings.tls, now)
        if settings.replica_tls is not None:
            await asyncio.to_thread(read_trust, settings.replica_tls, now)

    async def certified(self, table: RouteTable, ways: Iterable[ReplicaTls] = ()) -> RouteTable:
        """The table with the certificates that its service's settings and its replicas ask for, and `ways` by which
        others are spoken to. No further ones are watched from then on."""
        own = await self._own(table)
        spoken = (table.settings.replica_tls, *(backend.tls for backend in table.backends), *ways)
        trusts = await self._trusts(table.service_id, {*spoken} - {None})
        self._sweep(table.service_id)
        return replace(table, certificate=own, trusts=trusts)

    async def _trusts(self, service_id: int, ways: Set[ReplicaTls | None]) -> dict[ReplicaTls, Trust]:
        """Those of which nothing is known are left out."""
        service = self._of(service_id)
        before = service.to_replicas
        read = [way for way in ways if way and way.files]
        service.to_replicas = {way: before.get(way) or self._trust(service_id, way) for way in read}
        for watched in service.to_replicas.values():
            await self._look(watched)
        found = {way: watched.held for way, watched in service.to_replicas.items() if watched.held}
        return found | {way: Trust() for way in ways if way and not way.files}

    def news(self, service_id: int) -> list[str]:
        """What has happened to the service's certificates since this was last asked, in words for people."""
        told = []
        for watched in self._watched(service_id):
            told += watched.news
            watched.news = []
        return told

    def trouble(self, service_id: int) -> str:
        """What the service's user should do something about; empty when all is well."""
        now = self._clock.now()
        return " ".join(words for watched in self._watched(service_id) if (words := watched.trouble(now)))

    def forget(self, service_id: int) -> None:
        """The service is no more."""
        self._services.pop(service_id, None)
        for kept in self._files(service_id):
            kept.unlink()

    def _watched(self, service_id: int) -> Iterator[Watched[Any]]:
        service = self._services.get(service_id)
        return iter(()) if service is None else service.all()

    def _of(self, service_id: int) -> _Service:
        return self._services.setdefault(service_id, _Service())

    async def _own(self, table: RouteTable) -> Certificate | None:
        service, files = self._of(table.service_id), table.settings.tls
        if files is None:
            service.own = None
            return None
        paths = (files.keyfile, files.certfile)
        if service.own is None or service.own.files != paths:
            service.own = Watched(
                paths,
                lambda now: read_pair(files, now),
                self._directory / f"{table.service_id}.json",
                Certificate,
                lambda _: files.certfile,
                service.own.held if service.own else None,
            )
        await self._look(service.own)
        return service.own.held

    def _trust(self, service_id: int, way: ReplicaTls) -> Watched[Trust]:
        kept = self._directory / f"{service_id}-{hashlib.sha256(repr(way).encode()).hexdigest()[:8]}.json"
        return Watched(way.files, lambda now: read_trust(way, now), kept, Trust, lambda trust: trust.ends_first)

    async def _look(self, watched: Watched[Any]) -> None:
        now = self._clock.now()
        if watched.due(now):
            await asyncio.to_thread(watched.look, now)

    def _sweep(self, service_id: int) -> None:
        """A key that nobody uses any more lies around nowhere."""
        service = self._of(service_id)
        used = {watched.kept for watched in service.all()}
        if used != service.kept:
            for kept in self._files(service_id) - used:
                kept.unlink()
            service.kept = used

    def _files(self, service_id: int) -> set[Path]:
        """All that is kept for the service."""
        return {*self._directory.glob(f"{service_id}.json"), *self._directory.glob(f"{service_id}-*.json")}
