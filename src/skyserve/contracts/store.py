"""State that outlives everything: services, versions, replicas, events.

One pass of the controller writes its intents in one transaction, guarded by the service's generation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from skyserve.model.event import Event
from skyserve.model.key import Key, KeyLimits, KeyUsage
from skyserve.model.replica import Replica
from skyserve.model.resources import Offer
from skyserve.model.service import Service


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One YAML of a service, as stored."""

    service_id: int
    number: int
    document: str
    """The task, resolved, as JSON (skyserve.spec knows it). Holds secrets."""
    trees: tuple[tuple[str, str], ...]
    """(destination, tree id) of the workdir and the local file mounts."""
    created_at: float
    ever_ready: bool = False
    reason: str = "up"
    """Where it came from, in words for people."""
    outcome: str = ""
    """What speaks against it, in words for people; may be empty."""


@dataclass(frozen=True, slots=True)
class Record:
    """All of one service."""

    service: Service
    versions: tuple[VersionRecord, ...]
    """Ascending."""
    replicas: tuple[Replica, ...]
    """Ascending by id."""
    keys: tuple[Key, ...] = ()
    """Ascending by id."""


@dataclass(frozen=True, slots=True)
class AddReplica:
    """A new replica in phase PENDING, under the next id of its service."""

    version: int
    offer: Offer
    at: float
    """Its `created_at` and `since`: the time of the decision, since the store has no clock."""


@dataclass(frozen=True, slots=True)
class PutReplica:
    """The replica as it is now."""

    replica: Replica


@dataclass(frozen=True, slots=True)
class ForgetReplica:
    """Remove the row. Its id stays used."""

    replica_id: int


@dataclass(frozen=True, slots=True)
class PutService:
    """Changed fields of the service (goal, stopped_reason, scaling, ...). Its generation is the store's."""

    service: Service


@dataclass(frozen=True, slots=True)
class MarkEverReady:
    """The version has had a ready replica."""

    version: int


@dataclass(frozen=True, slots=True)
class AddVersion:
    """A new version, under the number after the last. It is the one wanted from now on."""

    document: str
    trees: tuple[tuple[str, str], ...]
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class CopyVersion:
    """As AddVersion, with the document, the trees and the good name (`ever_ready`) of an earlier version."""

    number: int
    """Of the version to be copied."""
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class SetOutcome:
    """What speaks against a version."""

    version: int
    outcome: str


@dataclass(frozen=True, slots=True)
class ForgetVersion:
    """Remove a version of which there is no replica, and let go of its trees. Its number stays used."""

    version: int


@dataclass(frozen=True, slots=True)
class AddKey:
    """A new API key, under an id of its own."""

    name: str
    prefix: str
    digest: str
    limits: KeyLimits
    expires_at: float | None
    at: float


@dataclass(frozen=True, slots=True)
class PutKeyUsage:
    """What was done with a key. One that was revoked meanwhile is passed over."""

    key_id: int
    usage: KeyUsage


@dataclass(frozen=True, slots=True)
class ForgetKey:
    """Remove an API key. Its id stays used."""

    key_id: int


Change = (
    AddReplica
    | PutReplica
    | ForgetReplica
    | PutService
    | MarkEverReady
    | AddVersion
    | CopyVersion
    | SetOutcome
    | ForgetVersion
    | AddKey
    | PutKeyUsage
    | ForgetKey
)


class Store(Protocol):
    """What a database adapter does. Each method is one transaction."""

    async def owner(self) -> str:
        """The id of this installation: random, made once, the tag on everything it launches."""
        ...

    async def create_service(
        self, name: str, port: int, document: str, trees: tuple[tuple[str, str], ...], now: float
    ) -> Record:
        """A service with version 1 and no replicas. Raises NameTaken."""
        ...

    async def services(self) -> Sequence[Service]:
        """All, ascending by name."""
        ...

    async def load(self, service_id: int) -> Record | None:
        """All of one service, in one consistent read; None if there is none."""
        ...

    async def commit(
        self, service_id: int, generation: int, changes: Sequence[Change], events: Sequence[Event] = ()
    ) -> Service:
        """Write all or nothing; the generation grows by one. Raises Superseded if it is not `generation` any more."""
        ...

    async def remove_service(self, service_id: int, generation: int) -> None:
        """Forget the service, its versions and replicas. Its id and its events stay. Raises Superseded."""
        ...

    async def events(self, service_id: int, after: int = 0, limit: int = 1000) -> Sequence[tuple[int, Event]]:
        """(sequence number, event), ascending, of those with a number above `after`."""
        ...

    async def live_trees(self) -> frozenset[str]:
        """Ids of all trees that some version names."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
