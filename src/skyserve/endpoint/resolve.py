"""Names of machines -> IP addresses, which are all that Envoy takes in its endpoints."""

import asyncio
import ipaddress
import logging
from dataclasses import replace

from skyserve.model.place import Address
from skyserve.model.route import Backend, RouteTable

log = logging.getLogger(__name__)


async def resolve(table: RouteTable) -> RouteTable:
    """The table with every host an IP address. A backend whose name cannot be resolved now is left out."""
    backends = await asyncio.gather(*map(_resolved, table.backends))
    return replace(table, backends=tuple(backend for backend in backends if backend is not None))


async def _resolved(backend: Backend) -> Backend | None:
    address = backend.address
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        pass
    else:
        return backend
    try:
        found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port)
    except OSError as error:
        log.warning("replica %d is left out of the endpoint: its host %s: %s", backend.replica_id, address.host, error)
        return None
    # In a settled order, or a name with several addresses would change the table at every look.
    return backend._replace(address=Address(min(str(entry[4][0]) for entry in found), address.port))
