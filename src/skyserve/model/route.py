"""What the endpoint should do, in our own words; the endpoint translates it for its proxy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from skyserve.model.endpoint import EndpointSettings, ReplicaKey, ReplicaTls
from skyserve.model.key import KeyRule
from skyserve.model.place import Address
from skyserve.model.service import LoadBalancingPolicy


class Backend(NamedTuple):
    """One replica behind the endpoint. A tuple, since each pass makes all of them anew, and a tuple is made in a third
    of the time."""

    replica_id: int
    address: Address
    draining: bool = False
    """In-flight requests go on; new ones go elsewhere."""
    canary: bool = False
    """Of the version on trial: gets `canary_percent` of the requests."""
    version: int = 0
    """Of the service: what requests to it are counted and logged for."""
    weight: float = 1.0
    """How much it can take beside the others, by policy `instance_aware_least_load`; they are all alike elsewhere."""
    key: ReplicaKey | None = None
    """What it was started with: during an update replicas differ."""
    rank: int = 0
    """Of its region: those of rank 0 are filled with requests first. Where no order was asked for, all are."""
    tls: ReplicaTls | None = None
    """None: it speaks http."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What an endpoint proves itself with."""

    chain: str
    """PEM: the service's own certificate, then those that lead to one that clients know."""
    key: str = field(repr=False)
    """PEM: the private key."""
    ends_at: float
    """When the certificate expires."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the files of a ReplicaTls hold."""

    authorities: str = ""
    """PEM; empty: any certificate is taken."""
    pair: Certificate | None = None
    """What the endpoint proves itself with to replicas."""
    ends_at: float = inf
    """When the first of these expires."""
    ends_first: str = ""
    """The file which that is in."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What may be said to those who wait for a replica."""

    ready_at: float | None = None
    """When the next one should be ready, if it takes as long as those before it (seconds since the epoch); None: none
    is on its way, or it is not known how long it takes."""
    takes: float | None = None
    """Seconds from a replica's launch until it was ready, lately; None: none of the service ever was."""
    hopeless: str = ""
    """Why there is no use in waiting, in words; empty: there is."""


@dataclass(frozen=True, slots=True)
class RouteTable:
    """One service at the endpoint."""

    service_id: int
    name: str
    port: int
    policy: LoadBalancingPolicy
    backends: tuple[Backend, ...] = ()
    health_path: str | None = "/"
    """Path for the proxy's own GET health checks, or GRPC_HEALTH for calls of that; None: a TCP connection must do (the
    probe is a POST, whose cost only the controller may cause, or needs headers)."""
    settings: EndpointSettings = field(default_factory=EndpointSettings)
    canary_percent: int | None = None
    """Share of the requests that go to the backends marked canary, the rest to the others; either kind takes over
    where the other has none that works. None: all backends are alike, whatever their marks."""
    keys: tuple[KeyRule, ...] = ()
    """Of whose bearers requests are taken, where the settings require a key."""
    certificate: Certificate | None = None
    """Where the settings ask for TLS; None: it is not known, so that nobody can connect."""
    trusts: Mapping[ReplicaTls, Trust] = field(default_factory=dict)
    """What is known of those by which backends are spoken to."""
    prospect: Prospect = Prospect()
    at_once: int = 64
    """Requests that one backend may have in flight for another one to be sent to it of those that waited: so many do
    not overrun a replica that has just come up. Those that did not wait are not counted."""

    @property
    def ranked(self) -> bool:
        """Whether it matters for a request which region it goes to."""
        return len({b.rank for b in self.backends if not b.draining}) > 1

    @property
    def spill_at(self) -> int:
        """Requests in flight at a backend, the one that can take least, from which further ones go to the next rank."""
        return self.settings.regions.spill_at or self.at_once


@dataclass(frozen=True, slots=True)
class BackendStatus:
    """What the endpoint tells of one backend."""

    accepted: bool
    """The proxy has confirmed the configuration that holds it, and would send it a request."""
    in_flight: int = 0
    """Requests being answered by it now; while it drains, also those of which the endpoint has lost track."""
    answered: int = 0
    """Attempts that it answered or failed, since the endpoint knows it; begins anew when Envoy does. One that was given
    up before an answer, by the client or by the stream timeout, is none."""
    errors: int = 0
    """Of those, with status 500 or above, or without an answer."""
