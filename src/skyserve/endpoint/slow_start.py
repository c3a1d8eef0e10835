"""When the slow start of a service's new replicas is over, which Envoy does not find out by itself.

While a replica is new, Envoy gives all of them turns by weight, those of the new one growing. It goes back to the exact
choice of the least busy when it is told something of its replicas after that time, and not before; so it is told a
number that counts how often the time has ended, and means nothing else.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from skyserve.endpoint.admin import HostOf
from skyserve.endpoint.translate.naming import resource_name
from skyserve.model.place import Address
from skyserve.model.route import RouteTable

MARGIN_SECONDS = 1.0
"""Envoy knows of a replica before we do: it counts from its own health check."""
WARMING_SECONDS = 15.0
"""How much later all replicas may be new to a cluster that was changed: Envoy checks them first."""


@dataclass(slots=True)
class _Watch:
    """One service."""

    cluster: str
    """The version of its cluster: in another one all replicas are new."""
    until: dict[Address, float] = field(default_factory=dict)
    """By replica that gets requests: when it is new no more."""
    awaited: bool = False
    ended: int = 0


class SlowStarts:
    """Watches those services that ask for it, sample by sample."""

    def __init__(self) -> None:
        self._watches: dict[int, _Watch] = {}

    def ended(self, service_id: int) -> int:
        """How often the time of its new replicas has ended."""
        watch = self._watches.get(service_id)
        return watch.ended if watch else 0

    def heed(
        self, tables: Iterable[RouteTable], host_of: HostOf, clusters: Callable[[int], str], now: float
    ) -> list[int]:
        """A sample at `now`, in seconds of any clock. `clusters` gives the version of a service's cluster. Returns the
        services for which the time has just ended."""
        watched = [table for table in tables if table.settings.slow_start > 0]
        self._watches = {
            table.service_id: self._watches.get(table.service_id) or _Watch(clusters(table.service_id))
            for table in watched
        }
        return [
            table.service_id
            for table in watched
            if _ends(self._watches[table.service_id], table, host_of, clusters(table.service_id), now)
        ]


def _ends(watch: _Watch, table: RouteTable, host_of: HostOf, cluster: str, now: float) -> bool:
    name, window = resource_name(table.service_id), table.settings.slow_start + MARGIN_SECONDS
    hosts = {backend.address: host_of(name, backend.address) for backend in table.backends}
    serving = {address for address, host in hosts.items() if host is not None and host.routable}
    if watch.cluster != cluster:
        watch.cluster = cluster
        watch.until = dict.fromkeys(serving, now + window + WARMING_SECONDS)
        watch.awaited = True
    new = serving - watch.until.keys()
    watch.awaited |= bool(new)
    watch.until = {address: watch.until.get(address, now + window) for address in serving}
    if not watch.awaited or any(until > now for until in watch.until.values()):
        return False
    watch.awaited = False
    watch.ended += 1
    return True
