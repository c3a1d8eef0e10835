"""How a service's endpoint treats requests, as its YAML says."""

from dataclasses import dataclass, field
from enum import StrEnum

from skyserve.model.affinity import Affinity
from skyserve.model.place import Place

FIRST_PORT = 30001
"""Of services, as SkyServe's users know it, where an installation names no other."""


class Protocol(StrEnum):
    """What is spoken with replicas. Clients choose for themselves."""

    HTTP1 = "http1"
    HTTP2 = "http2"
    """From the first byte; gRPC needs it."""


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """How many requests a replica gets at once, and what becomes of those that are too many."""

    per_replica: int
    queued: int
    """Most requests that wait."""
    seconds: float
    """Longest that one waits."""


class RegionOrder(StrEnum):
    """By what one region is preferred to another."""

    ANY = "any"
    """By nothing: replicas are alike wherever they are."""
    CHEAPEST = "cheapest"
    """By what its replicas cost."""
    NEAREST = "nearest"
    """By how soon its replicas are reached."""


@dataclass(frozen=True, slots=True)
class RegionSettings:
    """In which order regions are filled with requests, and how far before the next one gets any."""

    order: RegionOrder = RegionOrder.ANY
    listed: tuple[Place, ...] = ()
    """The user's own order, which goes before the other: infras, or regions or zones of them. What is not in it comes
    last."""
    spill_at: int | None = None
    """Requests in flight at a replica, from which further ones go elsewhere; None: as many as one is meant for."""

    @property
    def matter(self) -> bool:
        """Whether it matters where a replica is."""
        return bool(self.listed) or self.order is not RegionOrder.ANY


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many requests a service takes in time, from all its clients together."""

    per_second: float
    """To a sixtieth."""
    burst: int
    """Most at once."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the key and the certificate of an endpoint are, on this machine: absolute paths."""

    keyfile: str
    certfile: str


@dataclass(frozen=True, slots=True)
class ReplicaTls:
    """How replicas that speak https are known, and what they are shown. Paths are absolute, and of this machine."""

    cafile: str = ""
    """Of the authorities that sign their certificates; empty: any certificate will do."""
    server_name: str = ""
    """What their certificates must be for, where there is a cafile; they are asked by that name. Empty: any name."""
    pair: TlsFiles | None = None
    """What the endpoint proves itself with; None: it does not."""

    @property
    def files(self) -> tuple[str, ...]:
        """All that are read."""
        pair = (self.pair.keyfile, self.pair.certfile) if self.pair else ()
        return (*((self.cafile,) if self.cafile else ()), *pair)


AUTHORIZATION = "authorization"


@dataclass(frozen=True, slots=True)
class ReplicaKey:
    """What replicas are shown with each request, so that they can refuse whoever passes the endpoint by."""

    key: str = field(repr=False)
    header: str = AUTHORIZATION
    """In lower case."""

    @property
    def sent(self) -> str:
        """What the header holds: in Authorization a bearer token (RFC 6750, section 2.1), elsewhere the bare key."""
        return f"Bearer {self.key}" if self.header == AUTHORIZATION else self.key


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Times in seconds."""

    stream_timeout: float = 0
    """Longest silence on a response; 0: no limit."""
    protocol: Protocol = Protocol.HTTP1
    slow_start: float = 0
    """How long a new replica is given less than its share, which grows all the while; 0: it has it at once."""
    affinity: Affinity = field(default_factory=Affinity)
    """Heeded by the policies that bear its name."""
    require_key: bool = False
    """Refuse every request without one of the service's API keys."""
    max_request_bytes: int | None = None
    """Largest body of a request; None: any."""
    concurrency: ConcurrencyLimit | None = None
    """None: a replica gets whatever comes."""
    regions: RegionSettings = RegionSettings()
    rate: RateLimit | None = None
    """None: as many requests in time as come."""
    tls: TlsFiles | None = None
    """None: the endpoint speaks http."""
    hold_seconds: float = 0
    """Longest time that a request waits while no replica works; 0: it is refused at once."""
    max_held_requests: int = 10_000
    """Of those that wait at once; more are refused."""
    retry_posts: bool = True
    """Repeat any request whose replica fails before its answer began; else only those that may be done twice."""
    replica_key: ReplicaKey | None = None
    """None: what a client sends is passed on, and nothing else."""
    replica_tls: ReplicaTls | None = None
    """None: replicas speak http."""
