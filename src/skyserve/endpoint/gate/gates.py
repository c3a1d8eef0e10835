"""The gates of all services that have a limit, kept in step with route tables and with what Envoy tells of replicas."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from skyserve.endpoint.admin import Host
from skyserve.endpoint.gate.gate import Gate
from skyserve.endpoint.gate.server import GateServer
from skyserve.endpoint.gate.slots import Seat
from skyserve.endpoint.translate.naming import resource_name
from skyserve.model.place import Address
from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy
from skyserve.model.traffic import Waits

HostOf = Callable[[str, Address], Host | None]
"""What Envoy last told of a replica, by the service's resource name and the replica's address; None: nothing."""


class Gates:
    """Answers Envoy for every service."""

    def __init__(self, socket: Path, on_held: Callable[[int], None]) -> None:
        """`on_held` is called with a service's id when a request begins to wait and there is no replica."""
        self._on_held = on_held
        self._gates: dict[str, Gate] = {}
        self._server = GateServer(socket, self._gates.get)

    async def start(self) -> None:
        """Listen."""
        await self._server.start()

    async def close(self) -> None:
        """Hang up; Envoy lets every request through until the next controller."""
        await self._server.close()

    def waiting(self, service_id: int) -> int:
        """Requests in the service's queue."""
        gate = self._gates.get(resource_name(service_id))
        return gate.waiting if gate else 0

    def refused(self, service_id: int) -> int:
        """Requests that the service's gate has refused."""
        gate = self._gates.get(resource_name(service_id))
        return gate.waits.refused if gate else 0

    def waits(self, service_id: int) -> Waits:
        """What became of those that had to queue."""
        gate = self._gates.get(resource_name(service_id))
        return gate.waits.told() if gate else Waits()

    def taken(self, service_id: int) -> int:
        """Requests that went through the service's gate and have not ended."""
        gate = self._gates.get(resource_name(service_id))
        return gate.taken if gate else 0

    def follow(self, tables: Iterable[RouteTable], host_of: HostOf) -> None:
        """Services are served so from now on. Whoever waits at a gate that there is no more goes through."""
        limited = {resource_name(t.service_id): t for t in tables if t.settings.concurrency is not None}
        for name in self._gates.keys() - limited.keys():
            self._gates.pop(name).open()
        for name, table in limited.items():
            self._follow(name, table, host_of)

    def heed(self, tables: Iterable[RouteTable], host_of: HostOf) -> None:
        """Envoy has just told of its replicas."""
        for table in tables:
            name = resource_name(table.service_id)
            if gate := self._gates.get(name):
                self._follow(name, table, host_of)
                hosts = {b.replica_id: host_of(name, b.address) for b in table.backends}
                gate.heed({replica_id: host.in_flight for replica_id, host in hosts.items() if host})

    def _follow(self, name: str, table: RouteTable, host_of: HostOf) -> None:
        gate = self._gates.get(name)
        if gate is None:
            gate = self._gates[name] = Gate(table, partial(self._on_held, table.service_id))
        seats = {}
        for backend in table.backends:
            host = host_of(name, backend.address)
            if not backend.draining and host is not None and host.routable:
                seats[backend.replica_id] = Seat(backend.replica_id, backend.address, backend.weight)
        elsewhere = frozenset(b.replica_id for b in table.backends) - seats.keys()
        gate.follow(table, seats, elsewhere, choosing=_may_choose(table))


def _may_choose(table: RouteTable) -> bool:
    """Whether the gate knows all that matters for which replica is next: not the shares of a split, not what a request
    has in common with others, and not how new a replica is."""
    by_load = (
        LoadBalancingPolicy.LEAST_LOAD,
        LoadBalancingPolicy.ROUND_ROBIN,
        LoadBalancingPolicy.INSTANCE_AWARE_LEAST_LOAD,
    )
    return table.policy in by_load and table.canary_percent is None and not table.settings.slow_start
