"""What the endpoint should do, in our own words; the endpoint translates it for its proxy."""

from dataclasses import dataclass

from skyserve.model.place import Address
from skyserve.model.service import LoadBalancingPolicy


@dataclass(frozen=True, slots=True, order=True)
class Backend:
    """One replica behind the endpoint."""

    replica_id: int
    address: Address
    draining: bool = False
    """In-flight requests go on; new ones go elsewhere."""


@dataclass(frozen=True, slots=True)
class RouteTable:
    """One service at the endpoint."""

    service_id: int
    name: str
    port: int
    policy: LoadBalancingPolicy
    backends: tuple[Backend, ...] = ()
    health_path: str | None = "/"
    """Path for the proxy's own GET health checks; None: a TCP connection must do (the probe is a POST,
    whose cost only the controller may cause, or needs headers)."""
    stream_timeout: float = 0
    """Longest silence on a response, in seconds; 0: no limit."""


@dataclass(frozen=True, slots=True)
class BackendStatus:
    """What the endpoint tells of one backend."""

    accepted: bool
    """The proxy has confirmed the configuration that holds it, and would send it a request."""
    in_flight: int = 0
    """Requests being answered by it now."""
