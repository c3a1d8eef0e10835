"""What is to be done now, and why. The executor carries it out and chooses nothing."""

from dataclasses import dataclass

from skyserve.model.instance import Instance
from skyserve.model.replica import Cause
from skyserve.model.resources import Offer
from skyserve.model.route import RouteTable


@dataclass(frozen=True, slots=True)
class Create:
    """Record a new replica, to be launched at this offer."""

    version: int
    offer: Offer
    reason: str


@dataclass(frozen=True, slots=True)
class Move:
    """Change a replica's phase by this cause (policy/lifecycle.py says to which)."""

    replica_id: int
    cause: Cause
    reason: str


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
class Halt:
    """Stop launching until the user updates the service. An empty reason resumes."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Remove the service: nothing of it is left."""

    reason: str


Action = Create | Move | Launch | Start | Terminate | Reclaim | Forget | Halt | Finish


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one pass of the planner."""

    actions: tuple[Action, ...]
    routes: RouteTable
    wake_at: float | None = None
    """Look again no later than this (seconds since the epoch), though nothing is seen to happen."""
