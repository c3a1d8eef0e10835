"""The router: route tables in, traffic out; everything else in this package is a part of it."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from skyserve.endpoint.admin import Admin, AdminError, Hosts
from skyserve.endpoint.ads import Ads
from skyserve.endpoint.bootstrap import TRAFFIC_COUNTERS
from skyserve.endpoint.courier import courier_secret
from skyserve.endpoint.gate.gates import Gates
from skyserve.endpoint.layout import Layout
from skyserve.endpoint.log_files import LogFiles
from skyserve.endpoint.measures import traffic_of
from skyserve.endpoint.outages import Outages
from skyserve.endpoint.ports import free_port
from skyserve.endpoint.process import EnvoyProcess
from skyserve.endpoint.resolve import resolve
from skyserve.endpoint.resources import Resources, pack_all
from skyserve.endpoint.slow_start import SlowStarts
from skyserve.endpoint.tally import first_bytes_of, keys_of, series_of
from skyserve.endpoint.traffic import Traffic
from skyserve.endpoint.translate.naming import CLUSTER, ENDPOINTS, EXTENSION, LISTENER, ROUTES, SECRET, resource_name
from skyserve.endpoint.translate.service import resources
from skyserve.endpoint.waiting.doorman import Doorman
from skyserve.endpoint.waiting.room import WaitingRoom
from skyserve.model.endpoint import FIRST_PORT
from skyserve.model.key import KeyCount
from skyserve.model.load import Load
from skyserve.model.route import Backend, BackendStatus, RouteTable
from skyserve.model.tracing import Tracing
from skyserve.model.traffic import ServiceTraffic

log = logging.getLogger(__name__)

KINDS = (CLUSTER, ENDPOINTS, SECRET, EXTENSION, LISTENER, ROUTES)


class EnvoyRouter:
    """Keeps skyserve.contracts.router.Router with one Envoy for all services."""

    def __init__(
        self, directory: Path, *, base_port: int = FIRST_PORT, host: str = "0.0.0.0", traces: Tracing | None = None
    ) -> None:
        """`directory` holds all files of the endpoint; `host` is the IP address that listeners bind; `traces`: where an
        Envoy that is started sends them."""
        self._layout = Layout(directory.absolute())
        self._base_port = base_port
        self._host = host
        self._asked: dict[int, RouteTable] = {}
        """By service id: as we were told."""
        self._served: dict[int, RouteTable] = {}
        """The same with IP addresses, as Envoy was told."""
        self._packed: dict[int, Resources] = {}
        self._admin = Admin(self._layout.admin_socket)
        self._process = EnvoyProcess(self._layout, self._admin, traces)
        self._traffic = Traffic(self._admin, self._awaited, self._sampled)
        self._tell_held: Callable[[int], None] = lambda _: None
        self._room = WaitingRoom(self._layout.waiting_socket, host, self._on_held)
        self._doorman = Doorman(self._room)
        self._logs = LogFiles(self._layout, self._admin)
        self.gates = Gates(self._layout.gate_socket, self._on_held)
        self._slow_starts = SlowStarts()
        self._outages = Outages()
        self._courier = ""
        self._ads = Ads(self._layout.ads_socket, self._traffic.stir)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, tables: Sequence[RouteTable]) -> None:
        """Serve these, and nothing else. Raises ValueError if the directory's path is too long for a socket."""
        self._layout.prepare()
        self._courier = courier_secret(self._layout.courier)
        self._process.adopt()  # its listeners are to stay as they are
        for table in tables:
            await self._take(table)
        self._logs.keep(frozenset(self._asked))
        # All tables before the first word to Envoy: one that runs must never hear of an empty world.
        self._publish()
        await self.gates.start()
        await self._room.start(self._courier)
        self._ads.tell(self._process.node)
        await self._ads.start()
        await self._process.start()
        self._ads.tell(self._process.node)
        self._tasks = [asyncio.create_task(self._traffic.run()), asyncio.create_task(self._logs.run())]

    async def apply(self, table: RouteTable) -> None:
        """Serve it so from now on."""
        served = self._served.get(table.service_id)
        unresolved = served is not None and len(served.backends) < len(table.backends)
        if self._asked.get(table.service_id) == table and not unresolved:
            return
        await self._take(table)
        if self._served[table.service_id] != served:
            self._publish()

    async def remove(self, service_id: int) -> None:
        """Close the listener; connections have a while to finish. The access log goes too, and what was counted."""
        if self._asked.pop(service_id, None) is None:
            return
        del self._served[service_id], self._packed[service_id]
        self._room.forget(service_id)
        self._doorman.forget(service_id)
        self._publish()
        self._logs.keep(frozenset(self._asked))

    def status(self, service_id: int) -> Mapping[int, BackendStatus]:
        """By replica id, for every backend of the service's table."""
        asked = self._asked.get(service_id)
        if asked is None:
            return {}
        served = {backend.replica_id: backend for backend in self._served[service_id].backends}
        confirmed = self._confirmed(service_id)
        return {
            backend.replica_id: self._backend_status(service_id, served.get(backend.replica_id), confirmed)
            for backend in asked.backends
        }

    def load(self, service_id: int) -> Load | None:
        """Of the service, by Envoy's counters; None before the first sample and while Envoy does not answer."""
        load = self._traffic.load(resource_name(service_id)) if service_id in self._asked else None
        if load is None:
            return None
        held = self._room.held(service_id) + self.gates.waiting(service_id)
        refused = self._room.waits(service_id).refused + self.gates.waits(service_id).refused
        return replace(
            load,
            refused=load.refused + refused,
            in_flight=max(load.in_flight, held),
            first_bytes=first_bytes_of(self._layout.tally(service_id)),
            held=held,
        )

    def on_held(self, tell: Callable[[int], None]) -> None:
        """Called when somebody begins to wait, in this process."""
        self._tell_held = tell

    def key_counts(self, service_id: int) -> Mapping[int, KeyCount] | None:
        """By API key, as it is counted within Envoy, whether that runs or not; None where nothing is counted yet."""
        return keys_of(self._layout.tally(service_id)) if service_id in self._asked else None

    async def traffic(self) -> Mapping[int, ServiceTraffic]:
        """By service id, as Envoy counts it; empty while it does not answer."""
        if not self._served:
            return {}
        try:
            found, hosts = await self._admin.statistics(TRAFFIC_COUNTERS), await self._admin.hosts()
        except AdminError as error:
            log.debug("%s", error)
            return {}
        # In a thread: of many replicas there is much to read, and the loop has requests to let go.
        counted = await asyncio.to_thread(self._counted, dict(self._served), found, hosts)
        return {service_id: self._with_those_who_wait(traffic) for service_id, traffic in counted.items()}

    def _counted(self, tables: Mapping[int, RouteTable], found: str, hosts: Hosts) -> Mapping[int, ServiceTraffic]:
        series = {service_id: series_of(self._layout.tally(service_id)) for service_id in tables}
        return traffic_of(tables, found, series, hosts, time.time())

    def _with_those_who_wait(self, traffic: ServiceTraffic) -> ServiceTraffic:
        """They are in our hands, not in Envoy's."""
        of = traffic.service_id
        hold, queue = self._room.waits(of), self.gates.waits(of)
        return replace(
            traffic,
            held=self._room.held(of),
            queued=self.gates.waiting(of),
            refused=traffic.refused + hold.refused + queue.refused,
            hold_waits=hold,
            queue_waits=queue,
        )

    async def free_port(self, taken: frozenset[int]) -> int:
        """The first from the base port up. Raises OSError if all are taken."""
        return free_port(self._host, self._base_port, taken)

    async def close(self) -> None:
        """Stop steering; Envoy goes on."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []
        await self._process.close()
        await self._room.close()
        await self._ads.close()
        await self.gates.close()

    async def shut_down(self) -> None:
        """End Envoy too."""
        await self.close()
        await self._process.stop()

    def access_log(self, service_id: int) -> Path:
        """The file of a service's requests, one JSON object a line; it may not exist yet."""
        return self._layout.access_log(service_id)

    async def _take(self, table: RouteTable) -> None:
        served = await resolve(table)
        self._room.serve(table)
        self._asked[table.service_id] = table
        self._served[table.service_id] = served
        self._pack(served)

    def _pack(self, served: RouteTable) -> None:
        service_id = served.service_id
        content = resources(
            served,
            host=self._host,
            access_log=self.access_log(service_id),
            tally=self._layout.tally(service_id),
            courier=self._courier,
            traces=self._process.traces,
            settled=self._slow_starts.ended(service_id),
            outage=self._outages.of(service_id),
        )
        self._packed[service_id] = pack_all(content, self._packed.get(service_id, {}))

    def _publish(self) -> None:
        self._ads.publish(
            {
                kind: {name: one for packed in self._packed.values() for name, one in packed.get(kind, {}).items()}
                for kind in KINDS
            }
        )
        self.gates.follow(self._served.values(), self._traffic.host)
        self._traffic.wanted = bool(self._served)
        self._traffic.stir()

    def _confirmed(self, service_id: int) -> bool:
        """All of it is there; with TLS, that is the certificate too."""
        needed = {(kind, name) for kind, named in self._packed[service_id].items() for name in named}
        if self._asked[service_id].settings.tls:
            needed.add((SECRET, resource_name(service_id)))
        return all(self._ads.confirmed(kind, name) for kind, name in needed)

    def _backend_status(self, service_id: int, backend: Backend | None, confirmed: bool) -> BackendStatus:
        host = self._traffic.host(resource_name(service_id), backend.address) if backend else None
        if host is None:
            return BackendStatus(accepted=False)
        # A replica that drains may be ended once nothing is in flight: what may be its own counts as its own.
        orphaned = self._traffic.orphaned(resource_name(service_id)) if backend and backend.draining else 0
        return BackendStatus(confirmed and host.routable, host.in_flight + orphaned, host.answered, host.errors)

    def _sampled(self) -> bool:
        self.gates.heed(self._served.values(), self._traffic.host)
        self._settle()
        return self._let_on()

    def _settle(self) -> None:
        """Tell Envoy where the time of new replicas is over, and where it finds that none works, or one does again."""
        now, tables = asyncio.get_running_loop().time(), self._served.values()
        changed = {*self._slow_starts.heed(tables, self._traffic.host, self._cluster_version, now)}
        changed |= self._outages.heed(tables, self._traffic.host)
        for service_id in changed & self._served.keys():
            self._pack(self._served[service_id])
        if changed:
            self._publish()

    def _cluster_version(self, service_id: int) -> str:
        return self._packed[service_id][CLUSTER][resource_name(service_id)].version

    def _awaited(self) -> bool:
        """Some backend's status is not yet what its table says."""
        return any(
            statuses[backend.replica_id].accepted == backend.draining
            for service_id, table in self._asked.items()
            for statuses in (self.status(service_id),)
            for backend in table.backends
        )

    def _on_held(self, service_id: int) -> None:
        self._traffic.stir()
        self._tell_held(service_id)

    def _let_on(self) -> bool:
        """Let those who wait go on to replicas that have room. Whether to look again soon: some wait on, and there are
        replicas that work."""
        pressing = False
        for service_id, table in self._served.items():
            if not self._room.held(service_id) or not self._confirmed(service_id):
                continue
            known = (self._traffic.host(resource_name(service_id), b.address) for b in table.backends if not b.draining)
            hosts = [host for host in known if host is not None]
            self._doorman.look(service_id, hosts, table.at_once)
            pressing = pressing or any(host.routable for host in hosts)
        return pressing
