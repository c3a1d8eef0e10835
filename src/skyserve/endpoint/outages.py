"""Which services have no replica that works, as Envoy sees it: sooner than the route table, which waits for probes.

How long a request may be silent is settled when it comes. One that has to wait for a replica first needs more time than
the service's stream timeout, and so must come by a route that gives it.
"""

from collections.abc import Iterable

from skyserve.endpoint.admin import HostOf
from skyserve.endpoint.translate.naming import resource_name
from skyserve.model.route import RouteTable


class Outages:
    """Watches those services for which it makes a difference, sample by sample."""

    def __init__(self) -> None:
        self._out: frozenset[int] = frozenset()

    def of(self, service_id: int) -> bool:
        """None of the service's replicas worked when Envoy was last asked."""
        return service_id in self._out

    def heed(self, tables: Iterable[RouteTable], host_of: HostOf) -> frozenset[int]:
        """A sample. Returns the services for which an outage has just begun or ended."""
        before = self._out
        self._out = frozenset(table.service_id for table in tables if _matters(table) and not _works(table, host_of))
        return before ^ self._out


def _matters(table: RouteTable) -> bool:
    return bool(table.settings.stream_timeout and table.settings.hold_seconds)


def _works(table: RouteTable, host_of: HostOf) -> bool:
    name = resource_name(table.service_id)
    hosts = (host_of(name, backend.address) for backend in table.backends if not backend.draining)
    return any(host is not None and host.routable for host in hosts)
