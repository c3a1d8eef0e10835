"""What is to be done now, and why. The executor carries it out and chooses nothing."""

from dataclasses import dataclass

from skyserve.model.instance import Instance
from skyserve.model.key import Key
from skyserve.model.replica import Cause, Replica
from skyserve.model.resources import Offer
from skyserve.model.route import RouteTable
from skyserve.model.service import Service


@dataclass(frozen=True, slots=True)
class Create:
    """Record a new replica, to be launched at this offer."""

    version: int
    offer: Offer
    reason: str


@dataclass(frozen=True, slots=True)
class Move:
    """A replica changes its phase. `replica` is the row after the move."""

    replica: Replica
    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """Record facts about a replica without a change of phase. `replica` is the row afterwards."""

    replica: Replica
    reason: str
    news: bool = True
    """False: the reason was told before, when the same went wrong."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Ask the infra for the replica's machine (again, after a restart: the token makes it one)."""

    replica_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Start:
    """Bring files, setup and run onto the replica's machine, from wherever this stands."""

    replica_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """Give the replica's machine back."""

    replica_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Reclaim:
    """Terminate an instance that nobody asked for."""

    instance: Instance
    reason: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove the row of a replica that is gone."""

    replica_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Amend:
    """Record facts about the service itself. `service` is the row afterwards."""

    service: Service
    reason: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Record what a later decision needs to know, of which nobody need be told. `service` is the row afterwards."""

    service: Service
    reason: str


@dataclass(frozen=True, slots=True)
class Meter:
    """Record what was done with API keys, of which nobody need be told. `keys` are the rows afterwards."""

    keys: tuple[Key, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """The version that an update brings in has failed."""

    version: int
    to: int | None
    """The version to go back to: a copy of it is the one wanted from now on. None: nothing is gone back to."""
    why: str
    """What speaks against the version."""
    service: Service
    """The row afterwards."""
    reason: str


@dataclass(frozen=True, slots=True)
class ForgetVersion:
    """Remove a version that nothing needs any more."""

    version: int
    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Remove the service: nothing of it is left."""

    reason: str


Action = (
    Create
    | Move
    | Note
    | Launch
    | Start
    | Terminate
    | Reclaim
    | Forget
    | Amend
    | Remember
    | Meter
    | Abandon
    | ForgetVersion
    | Finish
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one pass of the planner."""

    actions: tuple[Action, ...]
    routes: RouteTable
    wake_at: float | None = None
    """Look again no later than this (seconds since the epoch), though nothing is seen to happen."""
