"""The gates of services that have a limit, and the guides of those whose regions have an order, kept in step with route
tables and with what Envoy tells of replicas."""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from skyserve.endpoint.admin import HostOf
from skyserve.endpoint.gate.gate import Gate
from skyserve.endpoint.gate.guide import Guide
from skyserve.endpoint.gate.server import GateServer
from skyserve.endpoint.gate.slots import Seat
from skyserve.endpoint.translate.naming import resource_name
from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy
from skyserve.model.traffic import Waits


class Gates:
    """Answers Envoy for every service."""

    def __init__(self, socket: Path, on_held: Callable[[int], None]) -> None:
        """`on_held` is called with a service's id when a request begins to wait and there is no replica."""
        self._on_held = on_held
        self._gates: dict[str, Gate] = {}
        self._guides: dict[str, Guide] = {}
        """Of services that have no gate."""
        self._server = GateServer(socket, self._find)

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

    def waits(self, service_id: int) -> Waits:
        """What became of those that had to queue."""
        gate = self._gates.get(resource_name(service_id))
        return gate.waits.told() if gate else Waits()

    def taken(self, service_id: int) -> int:
        """Requests that went through the service's gate, or were led by its guide, and have not ended."""
        found = self._find(resource_name(service_id))
        return found.taken if found else 0

    def follow(self, tables: Iterable[RouteTable], host_of: HostOf) -> None:
        """Services are served so from now on. Whoever waits at a gate that there is no more goes through."""
        named = {resource_name(table.service_id): table for table in tables}
        limited = {name: table for name, table in named.items() if table.settings.concurrency is not None}
        for name in self._gates.keys() - limited.keys():
            self._gates.pop(name).open()
        for name, table in limited.items():
            self._follow(name, table, host_of)
        led = {name: table for name, table in named.items() if table.ranked and name not in limited}
        self._guides = {name: self._guides.get(name) or Guide() for name in led}
        for name, table in led.items():
            self._guides[name].follow(_seats(name, table, host_of), table.canary_percent)

    def heed(self, tables: Iterable[RouteTable], host_of: HostOf) -> None:
        """Envoy has just told of its replicas."""
        for table in tables:
            name = resource_name(table.service_id)
            found = self._find(name)
            if found is None:
                continue
            if isinstance(found, Gate):
                self._follow(name, table, host_of)
            else:
                found.follow(_seats(name, table, host_of), table.canary_percent)
            hosts = {b.replica_id: host_of(name, b.address) for b in table.backends}
            found.heed({replica_id: host.in_flight for replica_id, host in hosts.items() if host})

    def _find(self, name: str) -> Gate | Guide | None:
        return self._gates.get(name) or self._guides.get(name)

    def _follow(self, name: str, table: RouteTable, host_of: HostOf) -> None:
        gate = self._gates.get(name)
        if gate is None:
            gate = self._gates[name] = Gate(table, partial(self._on_held, table.service_id))
        seats = _seats(name, table, host_of)
        elsewhere = frozenset(b.replica_id for b in table.backends) - seats.keys()
        gate.follow(table, seats, elsewhere, choosing=_may_choose(table))


def _seats(name: str, table: RouteTable, host_of: HostOf) -> Mapping[int, Seat]:
    """The replicas that take requests, as far as Envoy has told."""
    seats = {}
    least = min((backend.weight for backend in table.backends), default=1.0)
    for backend in table.backends:
        host = host_of(name, backend.address)
        if not backend.draining and host is not None and host.routable:
            spill_at = table.spill_at * backend.weight / least if table.ranked else math.inf
            seats[backend.replica_id] = Seat(
                backend.replica_id, backend.address, backend.weight, backend.rank, spill_at, backend.canary
            )
    return seats


def _may_choose(table: RouteTable) -> bool:
    """Whether the gate knows all that matters for which replica is next: not the shares of a split, not what a request
    has in common with others, and not how new a replica is."""
    by_load = (
        LoadBalancingPolicy.LEAST_LOAD,
        LoadBalancingPolicy.ROUND_ROBIN,
        LoadBalancingPolicy.INSTANCE_AWARE_LEAST_LOAD,
    )
    return table.policy in by_load and table.canary_percent is None and not table.settings.slow_start
