"""What an infra runs for us: one instance a replica, of one or more nodes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from skyserve.model.place import Address, Place


class InstanceState(StrEnum):
    """Where a machine is in its life, as the infra tells it."""

    PENDING = "pending"
    """Accepted, not usable yet."""
    RUNNING = "running"
    """Usable through its Shell."""
    STOPPED = "stopped"
    """Not running any more (preempted, powered off, its processes gone), but something is left to terminate."""


@dataclass(frozen=True, slots=True)
class Node:
    """One machine (or one port space on a machine) of an instance."""

    rank: int
    ip: str
    """The address by which the nodes of this instance reach each other."""


@dataclass(frozen=True, slots=True)
class Instance:
    """All the machines of one replica. Rank 0 is the head: the endpoint talks to it."""

    id: str
    """Unique within its infra, for ever."""
    place: Place
    token: str
    """The idempotency token it was launched with."""
    owner: str
    """The installation it belongs to."""
    state: InstanceState
    nodes: tuple[Node, ...] = ()
    addresses: Mapping[int, Address] = field(default_factory=dict)
    """Port that the head listens on -> where the endpoint and the probe reach it."""
    created_at: float = 0.0
    doomed_at: float | None = None
    """When the infra says it will take the machine away (a preemption notice); None: no notice."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything of one owner that an infra runs, also what the database forgot.

    Absence from `instances` proves that an instance is gone, except at the places in `unreachable`:
    what is there cannot be told now.
    """

    instances: tuple[Instance, ...] = ()
    unreachable: frozenset[Place] = frozenset()
