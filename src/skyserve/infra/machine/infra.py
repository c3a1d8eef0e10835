"""An infra made of whole machines that the user has: one place a machine, nothing to pay.

What a machine holds is decided and remembered on the machine itself, by the tool; this side asks and combines.
"""

import asyncio
import itertools
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skyserve.contracts.errors import InfraError, NoCapacity, Transient, Unauthorized
from skyserve.contracts.infra import CheckResult, LaunchOrder, Shell
from skyserve.infra.machine import fitting
from skyserve.infra.machine.fitting import Need, Room
from skyserve.infra.machine.fleet import Fleet
from skyserve.infra.machine.machine import Facts, Machine, NodeRecord
from skyserve.infra.machine.shell import MachineShell
from skyserve.infra.machine.transport import Transport
from skyserve.model.instance import Instance, InstanceState, Inventory, Node
from skyserve.model.place import Place
from skyserve.model.resources import Offer, ResourceRequest

_CREATE_TIMEOUT = 60
_TERMINATE_TIMEOUT = 60


@dataclass(frozen=True, slots=True)
class MachineOptions:
    """What may differ between infras of machines."""

    cpu_share: float = 1.0
    """How many times each core is lent: cpus are shared by time, memory and GPUs are not."""
    host_ports: tuple[int, int] = (20000, 29999)
    """Ports of a machine that lead to replicas, where a port space has no address of its own. Below 32768, where
    Linux begins to give ports to outgoing connections."""
    listing_seconds: float = 1.0
    """How old an answer about what runs on a machine may be: however many replicas are polled, it is asked so often."""
    grace_seconds: float = 5.0
    """Between SIGTERM and SIGKILL. Requests have been drained before: this is for files to be closed."""
    ways: tuple[str, ...] | None = None
    """The only ways of making port spaces to consider (see node/ways.py); None: all."""


class MachineInfra:
    """Keeps contracts/infra.py over any machines that a Transport reaches."""

    def __init__(self, name: str, transports: Sequence[Transport], options: MachineOptions | None = None) -> None:
        self._name = name
        self._options = options or MachineOptions()
        self._fleet = Fleet([Machine(transport, self._options.listing_seconds) for transport in transports])

    @property
    def name(self) -> str:
        """What users write in `infra:`."""
        return self._name

    def covers(self, place: Place) -> bool:
        """The place is one of its machines."""
        return place.infra == self._name and place.zone in self._fleet.machines

    async def check(self) -> CheckResult:
        """Whether any machine answers and can hold replicas."""
        facts, errors = await self._all_facts()
        details = [_describe(host, fact) for host, fact in facts.items()]
        details += [str(error) for error in errors.values()]
        usable = [host for host, fact in facts.items() if fact.way]
        if usable:
            reason = f"{len(usable)} of {len(self._fleet.machines)} machines can hold replicas"
        else:
            reason = details[0] if details else "no machine is named"
        return CheckResult(self._name, bool(usable), reason, tuple(details))

    async def offers(self, request: ResourceRequest, num_nodes: int) -> Sequence[Offer]:
        """One offer for each machine that could be the head, the smallest machine first."""
        if request.use_spot or request.instance_type or request.region:
            return ()
        facts, errors = await self._all_facts()
        if not facts and errors:
            raise _foremost(errors.values())
        need = Need.of(request)
        rooms = {host: self._whole(fact, need) for host, fact in facts.items() if fact.way}
        machines = len(self._fleet.machines)
        heads = [
            host
            for host in rooms
            if request.zone in (None, host) and fitting.spread(host, num_nodes, rooms, need, machines) is not None
        ]
        heads.sort(key=lambda host: (rooms[host].gpus, rooms[host].cpus, rooms[host].memory_gib, host))
        return tuple(
            Offer(
                place=Place(self._name, zone=host),
                machine=host,
                cpus=need.cpus,
                memory_gib=need.memory_gib,
                request=request,
                accelerators=need.accelerators,
            )
            for host in heads
        )

    async def launch(self, order: LaunchOrder, token: str) -> Instance:
        """Create the instance's nodes on their machines; again with the same token, those that are missing."""
        head = self._fleet.machines.get(order.offer.place.zone)
        if head is None:
            raise NoCapacity(f"{order.offer.place}: the machine is not in the pool any more")
        known = [node for node in await head.nodes() if (node.owner, node.token, node.rank) == (order.owner, token, 0)]
        if known:
            identity, hosts = known[0].instance, known[0].hosts
            if known[0].state is InstanceState.STOPPED:
                found, _ = await self._fleet.survey()
                return self._instance([node for node in found if node.instance == identity])
        else:
            identity, hosts = f"{order.service}-{order.replica_id}-{secrets.token_hex(4)}", await self._hosts(order)
        request = self._creation(order, token, identity, hosts)
        # The head first: its record says where the others are to be, should we not live to create them.
        first = await self._create(request, 0, hosts)
        rest = await asyncio.gather(
            *(self._create({**request, "instance": first.instance}, rank, hosts) for rank in range(1, order.num_nodes)),
            return_exceptions=True,
        )
        created = [first, *(node for node in rest if isinstance(node, NodeRecord))]
        if failed := [error for error in rest if isinstance(error, BaseException)]:
            if isinstance(failed[0], NoCapacity):
                await asyncio.gather(*(self._end(node) for node in created))
            raise failed[0]
        return self._instance(created)

    async def inventory(self, owner: str) -> Inventory:
        """What the machines that answer have; of those that do not, nothing is told."""
        nodes, errors = await self._fleet.survey()
        if errors and len(errors) == len(self._fleet.machines):
            raise _foremost(errors.values())
        mine = sorted((node for node in nodes if node.owner == owner), key=lambda node: node.instance)
        return Inventory(
            instances=tuple(self._instance(nodes) for _, nodes in itertools.groupby(mine, lambda node: node.instance)),
            unreachable=frozenset(Place(self._name, zone=host) for host in errors),
        )

    async def terminate(self, instance: Instance) -> None:
        """End its processes and delete its files on every machine that holds a node of it and answers; raises what
        those say that do not."""
        nodes, unreachable = await self._fleet.nodes_of(instance)
        await asyncio.gather(*(self._end(node) for node in nodes))
        if unreachable:
            raise unreachable

    def shell(self, instance: Instance, rank: int = 0) -> Shell:
        """Reach one node."""
        return MachineShell(self._fleet, instance, rank, self._options.grace_seconds)

    async def close(self) -> None:
        """Let go of the connections."""
        await asyncio.gather(*(machine.close() for machine in self._fleet.machines.values()))

    async def _end(self, node: NodeRecord) -> None:
        request = {"node": node.name, "grace": self._options.grace_seconds}
        await self._fleet.machines[node.host].change("terminate", request, timeout=_TERMINATE_TIMEOUT)

    async def _all_facts(self) -> tuple[dict[str, Facts], dict[str, InfraError]]:
        machines = list(self._fleet.machines.values())
        answers = await asyncio.gather(*(m.facts(self._options.ways) for m in machines), return_exceptions=True)
        facts: dict[str, Facts] = {}
        errors: dict[str, InfraError] = {}
        for machine, answer in zip(machines, answers, strict=True):
            if isinstance(answer, InfraError):
                errors[machine.host] = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                facts[machine.host] = answer
        return facts, errors

    def _whole(self, facts: Facts, need: Need) -> Room:
        return Room.whole(facts, need, self._options.cpu_share)

    async def _hosts(self, order: LaunchOrder) -> tuple[str, ...]:
        head = order.offer.place.zone
        if order.num_nodes == 1 or len(self._fleet.machines) == 1:
            return (head,) * order.num_nodes
        need = Need.of(order.offer.request)
        facts, _ = await self._all_facts()
        nodes, errors = await self._fleet.survey()
        rooms = {
            host: self._whole(fact, need).without(node for node in nodes if node.host == host)
            for host, fact in facts.items()
            if host not in errors
        }
        hosts = fitting.spread(head, order.num_nodes, rooms, need, len(self._fleet.machines)) if head in rooms else None
        if hosts is None:
            fitting_now = sorted(host for host, room in rooms.items() if room.holds(need))
            raise NoCapacity(
                f"{order.offer.place}: asked for {order.num_nodes} machines with {order.offer}, "
                f"{len(fitting_now)} of {len(self._fleet.machines)} have that free now "
                f"({', '.join(fitting_now) or 'none'})"
            )
        return hosts

    def _creation(self, order: LaunchOrder, token: str, identity: str, hosts: tuple[str, ...]) -> dict[str, object]:
        need = Need.of(order.offer.request)
        gpu = need.accelerators
        return {
            "instance": identity,
            "num_nodes": order.num_nodes,
            "hosts": hosts,
            "token": token,
            "owner": order.owner,
            "service": order.service,
            "replica_id": order.replica_id,
            "cpus": need.cpus,
            "memory_gib": need.memory_gib,
            "gpu": {"name": gpu.name, "count": gpu.count} if gpu else None,
            "cpu_share": self._options.cpu_share,
            "host_port_range": self._options.host_ports,
            "ways": ("host",) if len(set(hosts)) > 1 else self._options.ways,
            "ports": order.ports,
        }

    async def _create(self, request: dict[str, object], rank: int, hosts: tuple[str, ...]) -> NodeRecord:
        machine = self._fleet.machines.get(hosts[rank])
        if machine is None:
            raise Transient(f"{self._name}: machine {hosts[rank]} is not in the pool any more")
        mine = {
            **request,
            "rank": rank,
            "publish": machine.transport.publish,
            "ports": request["ports"] if rank == 0 else (),
        }
        raw = await machine.change("create", mine, timeout=_CREATE_TIMEOUT)
        return NodeRecord.read(machine.host, raw["node"])

    def _instance(self, found: Iterable[NodeRecord]) -> Instance:
        nodes = sorted(found, key=lambda node: node.rank)
        first = nodes[0]
        states = {node.state for node in nodes}
        if InstanceState.STOPPED in states:
            state = InstanceState.STOPPED
        elif InstanceState.PENDING in states or len(nodes) < first.num_nodes:
            state = InstanceState.PENDING
        else:
            state = InstanceState.RUNNING
        return Instance(
            id=first.instance,
            place=Place(self._name, zone=first.hosts[0]),
            token=first.token,
            owner=first.owner,
            state=state,
            nodes=tuple(Node(node.rank, node.ip) for node in nodes),
            addresses=first.addresses if first.rank == 0 else {},
            created_at=first.created_at,
        )


def _foremost(errors: Iterable[InfraError]) -> InfraError:
    """The error to raise when no machine answers: a refusal is worth more than a silence."""
    listed = list(errors)
    return next((error for error in listed if isinstance(error, Unauthorized)), listed[0])


def _describe(host: str, facts: Facts) -> str:
    gpus = ", ".join(f"{len(list(group))}x {name}" for name, group in itertools.groupby(sorted(facts.gpus)))
    ways = "; ".join(f"{name}: {detail}" for name, _, detail in facts.ways)
    has = f"{facts.cpus:g} cpus, {facts.memory_gib:g} GiB, {gpus or 'no GPU'}"
    return f"{host}: {has}; port spaces by {facts.way or 'no way'} ({ways})"
