"""Which machine can hold what: amounts asked for, against amounts there. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from skyserve.infra.machine.machine import Facts, NodeRecord
from skyserve.infra.machine.node.facts import matches
from skyserve.model.resources import Accelerators, ResourceRequest

DEFAULT_CPUS = 1.0
DEFAULT_MEMORY_GIB = 1.0
"""What a replica is counted as where its resources do not say: so little that a laptop holds several."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one node takes of a machine."""

    cpus: float
    memory_gib: float
    accelerators: Accelerators | None

    @classmethod
    def of(cls, request: ResourceRequest) -> "Need":
        """`4+` takes 4: a machine of the user's own gives what is asked, no more."""
        return cls(
            cpus=request.cpus.value if request.cpus else DEFAULT_CPUS,
            memory_gib=request.memory_gib.value if request.memory_gib else DEFAULT_MEMORY_GIB,
            accelerators=request.accelerators,
        )


@dataclass(frozen=True, slots=True)
class Room:
    """What a machine has, or has left."""

    cpus: float
    memory_gib: float
    gpus: int

    @classmethod
    def whole(cls, facts: Facts, need: Need, cpu_share: float) -> "Room":
        """All of the machine; of its devices, those of the kind that is asked for."""
        kind = need.accelerators
        gpus = sum(matches(kind.name, device) for device in facts.gpus) if kind else 0
        return cls(facts.cpus * cpu_share, facts.memory_gib, gpus)

    def without(self, nodes: Iterable[NodeRecord]) -> "Room":
        """What is left beside these nodes. Their devices are taken to be of the kind asked for: the machine itself,
        which admits in the end, knows better."""
        held = list(nodes)
        return Room(
            self.cpus - sum(node.cpus for node in held),
            self.memory_gib - sum(node.memory_gib for node in held),
            self.gpus - sum(node.gpus for node in held),
        )

    def holds(self, need: Need) -> int:
        """How many nodes of this need fit."""
        counts = [self.memory_gib / need.memory_gib, self.cpus / need.cpus]
        if need.accelerators:
            counts.append(self.gpus / math.ceil(need.accelerators.count))
        return max(0, math.floor(min(counts) + 1e-9))


def spread(head: str, num_nodes: int, rooms: Mapping[str, Room], need: Need, machines: int) -> tuple[str, ...] | None:
    """Hosts of all nodes by rank, the head first: a machine a node, the fullest that fit; all on the one machine
    where there is but one. None if they do not fit. `machines` counts all, `rooms` holds those that answer."""
    if machines == 1 or num_nodes == 1:
        return (head,) * num_nodes if head in rooms and rooms[head].holds(need) >= num_nodes else None
    others = sorted(
        (host for host, room in rooms.items() if host != head and room.holds(need)),
        key=lambda host: (rooms[host].gpus, rooms[host].cpus, rooms[host].memory_gib, host),
    )
    if not rooms[head].holds(need) or len(others) < num_nodes - 1:
        return None
    return (head, *others[: num_nodes - 1])
