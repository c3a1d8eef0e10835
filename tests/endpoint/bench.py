"""One router with its Envoy, and services behind it."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from skyserve.endpoint.router import EnvoyRouter
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.key import KeyRule
from skyserve.model.place import Address
from skyserve.model.route import Backend, Certificate, RouteTable
from skyserve.model.service import LoadBalancingPolicy
from skyserve.model.tracing import Tracing
from tests.claims import ports
from tests.endpoint.replica import Replica

BASE_PORT = ports()[0]
PATIENCE_SECONDS = 60.0
"""Far more than anything takes, so that a slow machine fails no test."""
REFUSING = Address("127.0.0.1", 1)
"""Where nobody listens."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it; fail if it does not come."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is awaited is another process
            await asyncio.sleep(0.02)


class Bench:
    """Hands out service ids and ports, and waits for what was asked to take effect."""

    def __init__(self, directory: Path, traces: Tracing | None = None) -> None:
        self.directory = directory
        self.router = EnvoyRouter(directory, base_port=BASE_PORT, host="127.0.0.1", traces=traces)
        self.tables: dict[int, RouteTable] = {}
        self._ids = itertools.count(1)

    async def serve(
        self,
        backends: Sequence[Replica | Address],
        policy: LoadBalancingPolicy = LoadBalancingPolicy.ROUND_ROBIN,
        *,
        health_path: str | None = "/",
        settings: EndpointSettings | None = None,
        canaries: int = 0,
        canary_percent: int | None = None,
        keys: Sequence[KeyRule] = (),
        certificate: Certificate | None = None,
    ) -> RouteTable:
        """A new service; replica ids count from 1, the last so many are `canaries`. Returns when Envoy has all of it,
        and its healthy replicas."""
        service_id = next(self._ids)
        table = RouteTable(
            service_id,
            f"service{service_id}",
            await self.router.free_port(frozenset(t.port for t in self.tables.values())),
            policy,
            tuple(
                Backend(n, _address(backend), canary=n > len(backends) - canaries)
                for n, backend in enumerate(backends, 1)
            ),
            health_path,
            settings or EndpointSettings(),
            canary_percent,
            tuple(keys),
            certificate,
        )
        await self.router.apply(table)
        self.tables[service_id] = table
        await self.told(table)
        for number, backend in enumerate(backends, 1):
            if isinstance(backend, Replica) and backend.healthy:
                await self.accepted(service_id, number)
        return table

    async def change(self, table: RouteTable, **changes: Any) -> RouteTable:
        """Apply a changed table."""
        changed = replace(table, **changes)
        self.tables[table.service_id] = changed
        await self.router.apply(changed)
        return changed

    async def told(self, table: RouteTable) -> None:
        """Wait until Envoy listens for the service, and knows its backends and no others."""
        # A name that nobody can resolve never gets there.
        wanted = {b.address.port for b in table.backends if not b.address.host.endswith(".invalid")}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._has(table.service_id, wanted) or not await _listens(table.port):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def accepted(self, service_id: int, replica_id: int) -> None:
        """Wait until Envoy has it."""
        await until(lambda: self.router.status(service_id)[replica_id].accepted)

    async def restart(self) -> None:
        """Let go of the router and make another, as a restart of the controller does."""
        await self.router.close()
        self.router = EnvoyRouter(self.directory, base_port=BASE_PORT, host="127.0.0.1")
        await self.router.start(list(self.tables.values()))

    async def closed(self, port: int) -> None:
        """Wait until nobody listens on the port."""
        taken = frozenset(table.port for table in self.tables.values())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.router.free_port(taken) != port:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)

    async def hosts_failing(self, service_id: int) -> set[int]:
        """Ports of backends that Envoy's health checks have given up."""
        hosts = await self._hosts(service_id) or []
        return {_port(host) for host in hosts if host["health_status"].get("failed_active_health_check")}

    async def stats(self, prefix: str) -> dict[str, int]:
        """Envoy's own counters."""
        document = await self.admin("/stats", {"format": "json", "filter": f"^{prefix}"})
        return {stat["name"]: stat["value"] for stat in document["stats"] if "name" in stat}

    def waiting(self, service_id: int) -> int:
        """Requests in the queue of the service's gate."""
        return self.router.gates.waiting(service_id)

    def taken(self, service_id: int) -> int:
        """Requests that the service's gate counts."""
        return self.router.gates.taken(service_id)

    async def _has(self, service_id: int, ports: set[int]) -> bool:
        hosts = await self._hosts(service_id)
        return hosts is not None and {_port(host) for host in hosts if "socket_address" in host["address"]} == ports

    async def _hosts(self, service_id: int) -> list[dict[str, Any]] | None:
        document = await self.admin("/clusters", {"format": "json"})
        for cluster in document.get("cluster_statuses", ()):
            if cluster["name"] == f"service-{service_id}":
                return list(cluster.get("host_statuses", ()))
        return None

    async def admin(self, path: str, params: dict[str, str]) -> Any:
        """What Envoy's admin interface tells; nothing while it starts."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.directory / "admin.sock"))
        async with httpx.AsyncClient(transport=transport, base_url="http://envoy", timeout=60) as client:
            try:
                return (await client.get(path, params=params)).json()
            except httpx.TransportError:  # Envoy is starting
                return {}


def _port(host: dict[str, Any]) -> int:
    return int(host["address"]["socket_address"]["port_value"])


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    writer.close()
    return True


def _address(backend: Replica | Address) -> Address:
    return backend.address if isinstance(backend, Replica) else backend


def url(table: RouteTable, path: str = "/") -> str:
    """Of the service's endpoint."""
    return f"http://127.0.0.1:{table.port}{path}"
