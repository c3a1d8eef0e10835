"""Stand-ins for the endpoint and for HTTP, in a world without sockets. They know only what the contracts say."""

from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path

from skyserve.contracts.prober import ProbeResult
from skyserve.model.key import KeyCount
from skyserve.model.load import Load
from skyserve.model.place import Address
from skyserve.model.route import Backend, BackendStatus, RouteTable, Trust
from skyserve.model.service import ProbeSettings
from skyserve.model.traffic import ServiceTraffic


class DataPlane:
    """What outlives the controller: the tables that traffic follows."""

    def __init__(self) -> None:
        self.tables: dict[int, RouteTable] = {}
        self.in_flight: dict[tuple[int, int], int] = {}
        """(service id, replica id) -> requests being answered."""
        self.outcomes: dict[tuple[int, int], tuple[int, int]] = {}
        """(service id, replica id) -> requests answered, and how many of them failed."""
        self.load: dict[int, Load] = {}
        """By service id: its requests; those not named here have none."""
        self.key_counts: dict[int, dict[int, KeyCount]] = {}
        """By service id and API key; those of services not named here cannot be told."""
        self.silent: set[int] = set()
        """Services whose load cannot be told."""
        self.refusing: set[int] = set()
        """Services of which no replica is accepted."""


class InstantRouter:
    """Accepts every table at once. Keeps contracts.router.Router."""

    def __init__(self, plane: DataPlane) -> None:
        self.plane = plane

    async def start(self, tables: Sequence[RouteTable]) -> None:
        """Serve these, and nothing else."""
        self.plane.tables = {table.service_id: table for table in tables}

    async def apply(self, table: RouteTable) -> None:
        """Serve it so."""
        self.plane.tables[table.service_id] = table

    async def remove(self, service_id: int) -> None:
        """Close the listener."""
        self.plane.tables.pop(service_id, None)

    def status(self, service_id: int) -> Mapping[int, BackendStatus]:
        """Everything in the table is accepted, unless nothing is."""
        table = self.plane.tables.get(service_id)
        return {b.replica_id: self._status(service_id, b) for b in (table.backends if table else ())}

    def _status(self, service_id: int, backend: Backend) -> BackendStatus:
        key = service_id, backend.replica_id
        accepted = not backend.draining and service_id not in self.plane.refusing
        return BackendStatus(accepted, self.plane.in_flight.get(key, 0), *self.plane.outcomes.get(key, (0, 0)))

    def load(self, service_id: int) -> Load | None:
        """As the plane counts it."""
        known = service_id in self.plane.tables and service_id not in self.plane.silent
        return self.plane.load.get(service_id, Load()) if known else None

    async def traffic(self) -> Mapping[int, ServiceTraffic]:
        """There are no requests to be counted one by one."""
        return {i: ServiceTraffic(table.name, i, 0.0) for i, table in self.plane.tables.items()}

    def on_held(self, tell: Callable[[int], None]) -> None:
        """Nobody waits: requests are refused."""

    def key_counts(self, service_id: int) -> Mapping[int, KeyCount] | None:
        """As the plane counts them."""
        return self.plane.key_counts.get(service_id)

    async def free_port(self, taken: frozenset[int]) -> int:
        """From 30001 up."""
        return next(port for port in range(30001, 40000) if port not in taken)

    def access_log(self, service_id: int) -> Path:
        """There are no requests, so there is no log."""
        return Path("/nonexistent") / str(service_id)

    async def close(self) -> None:
        """The plane goes on."""

    async def shut_down(self) -> None:
        """Nothing is served any more."""
        self.plane.tables.clear()


class WorldProber:
    """Asks the world whether something answers at an address. Keeps contracts.prober.Prober."""

    def __init__(self, answers: Callable[[Address], bool], missing: Set[str] = frozenset()) -> None:
        """`missing`: paths that no server knows."""
        self._answers = answers
        self._missing = missing

    async def probe(self, address: Address, settings: ProbeSettings, trust: Trust | None = None) -> ProbeResult:
        """Ready if something answers."""
        if not self._answers(address):
            return ProbeResult(False, "connection refused")
        known = settings.path not in self._missing
        return ProbeResult(known, "200" if known else "status 404")

    async def close(self) -> None:
        """Nothing to let go of."""
