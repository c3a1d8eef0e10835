"""The machines of one run: given or refused, coming up, and taken away as the zones have fewer."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf

from skyserve.controller.fleet import LOOK_SECONDS
from skyserve.model.instance import Instance, InstanceState, Node
from skyserve.model.place import Address, Place
from skyserve.model.replica import Replica
from skyserve.model.service import Target
from skyserve.sim.planned.world import World
from skyserve.sim.spot.capacity import Capacity

EPOCH = 1_704_067_200.0
"""Moment 0 in seconds since the epoch: midnight of Monday, January 1, 2024, UTC."""


@dataclass(slots=True)
class Machine:
    """One that was given. Moments in seconds from the beginning of the run."""

    replica: Replica
    instance: Instance
    up_at: float
    ready_at: float = inf
    """When what was started on it answers."""
    lost_at: float = inf
    taken_at: float | None = None
    """When it will be taken away, as its zone has told."""

    def seen(self, now: float) -> Instance | None:
        """As its infra lists it; what is taken is missed at the next look."""
        if now >= self.lost_at + LOOK_SECONDS:
            return None
        state = InstanceState.RUNNING if now >= self.up_at else InstanceState.PENDING
        doomed_at = None if self.taken_at is None else EPOCH + self.taken_at
        if (state, doomed_at) != (self.instance.state, self.instance.doomed_at):
            self.instance = replace(self.instance, state=state, doomed_at=doomed_at)
        return self.instance


class Machines:
    """By the replica that each is for."""

    def __init__(self, world: World, target: Target) -> None:
        self.world, self.target = world, target
        self.held: dict[int, Machine] = {}
        self.taken = 0
        """Machines that zones took, or told that they would."""
        self.capacity = {
            place: Capacity.of(row, world.zones.gap_seconds) for place, row in world.zones.capacity.items()
        }
        steps = {at for zone in self.capacity.values() for at in zone.at}
        self._changes = sorted(steps | {max(0.0, at - world.notice_seconds) for at in steps})

    def launch(self, replica: Replica, now: float) -> Machine | None:
        """None: its zone has no room."""
        place, nodes = replica.offer.place, self.target.num_nodes
        if replica.offer.spot:
            there = sum(m.replica.offer.spot and m.replica.offer.place == place for m in self.held.values())
            if (there + 1) * nodes > self.capacity[place].now(now):
                return None
        ip = f"10.{replica.id >> 16 & 255}.{replica.id >> 8 & 255}.{replica.id & 255}"
        instance = Instance(
            id=f"machine-{replica.id}",
            place=place,
            token=replica.token,
            owner="simulation",
            state=InstanceState.PENDING,
            nodes=tuple(Node(rank, ip) for rank in range(nodes)),
            addresses={self.target.port: Address(ip, self.target.port)},
            created_at=EPOCH + now,
        )
        machine = self.held[replica.id] = Machine(replica, instance, now + self.world.provision_seconds)
        return machine

    def shrink(self, now: float) -> list[int]:
        """Replicas whose machines are taken now; others are told that they will be."""
        lost = []
        for place, here in self._spot_by_place():
            zone, nodes = self.capacity[place], self.target.num_nodes
            for rank, machine in enumerate(sorted(here, key=lambda m: (m.taken_at is not None, m.replica.id)), 1):
                told = machine.taken_at is not None
                if rank * nodes > zone.now(now):
                    machine.lost_at = now
                    lost.append(machine.replica.id)
                elif not told and self.world.notice_seconds:
                    machine.taken_at = zone.below_at(rank * nodes, now, now + self.world.notice_seconds)
                self.taken += not told and (machine.lost_at == now or machine.taken_at is not None)
        return lost

    def _spot_by_place(self) -> Iterable[tuple[Place, list[Machine]]]:
        found: dict[Place, list[Machine]] = {}
        for machine in self.living():
            if machine.replica.offer.spot:
                found.setdefault(machine.replica.offer.place, []).append(machine)
        return found.items()

    def living(self) -> Iterator[Machine]:
        """Those that are paid for."""
        return (machine for machine in self.held.values() if machine.lost_at == inf)

    def next_at(self, now: float) -> float:
        """When something happens by itself."""
        change = self._changes[(first := bisect_right(self._changes, now)) : first + 1]
        own = (at for m in self.held.values() for at in (m.up_at, m.ready_at, m.lost_at + LOOK_SECONDS) if at > now)
        return min([*change, *own], default=inf)
