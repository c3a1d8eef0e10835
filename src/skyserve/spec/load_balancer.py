"""`load_balancer:`, how the endpoint treats requests."""

import math
import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from skyserve.model.affinity import PREFIX_BYTES, Affinity
from skyserve.model.endpoint import ConcurrencyLimit, EndpointSettings, Protocol, RateLimit, RegionOrder, RegionSettings
from skyserve.model.place import Place
from skyserve.spec.base import AnyCase, Count, Finding, Model, PositiveCount, PositiveNumber, Seconds, Text, invalid
from skyserve.spec.infra import parse_infra
from skyserve.spec.replica_key import KeyHeader, ReplicaKeyField, replica_key
from skyserve.spec.replica_tls import ReplicaTls

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""What names of headers and cookies are made of: RFC 9110, section 5.6.2."""


def _token(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise invalid(Finding("should be a name of a header or cookie", "Write for example X-Session-Id."))
    return value


Token = Annotated[Text, AfterValidator(_token)]


def _region(value: str) -> str:
    if parse_infra(value).infra is None:
        raise invalid(Finding("should name a place", "Write for example aws/us-east-1, ssh/<pool> or local."))
    return value


Region = Annotated[Text, AfterValidator(_region)]
"""As `infra:` has it: an infra, or a region or zone of it."""

QUEUED = 1000
QUEUE_SECONDS = 60.0
LONGEST_QUEUE_SECONDS = 3000
"""Below an hour, which is the longest that the proxy lets a request wait."""


class LoadBalancer(Model):
    """`load_balancer:`, settings of the endpoint."""

    stream_timeout_seconds: Seconds = 0
    """Longest silence on a response before it is cut; 0: no limit."""
    protocol: Annotated[Protocol, AnyCase] = Protocol.HTTP1
    """What is spoken with replicas: http1, or http2, which gRPC needs."""
    slow_start_seconds: Seconds = 0
    """How long a new replica gets fewer requests than others, and ever more of them; 0: it gets its part at once."""
    max_request_bytes: PositiveCount | None = None
    """Largest body of a request; a larger one is answered 413. No limit if not written."""
    max_requests_per_second: Annotated[PositiveNumber, Field(ge=0.1, le=1_000_000)] | None = None
    """Most requests that the service takes from all clients together; what is more is refused with 429. No limit unless
    written."""
    max_request_burst: Annotated[PositiveCount, Field(le=1_000_000_000)] | None = None
    """Most of them at once, after a while with fewer; as many as in a second unless written."""
    session_header: Token | None = None
    """session_affinity: the request header that names the session."""
    session_cookie: Token | None = None
    """session_affinity: the cookie that names it. Who sends none is given one."""
    prefix_bytes: Annotated[PositiveCount, Field(le=32768)] | None = None
    """prefix_affinity: how much of a prompt's beginning is looked at; 8192 if not written."""
    affinity_load_percent: Annotated[PositiveCount, Field(ge=100, le=10_000)] | None = None
    """Most requests in flight on a replica, in percent of the average, before others take its own. If not written, 125
    for prefix_affinity, no bound for session_affinity."""
    region_order: Annotated[RegionOrder, AnyCase] = RegionOrder.ANY
    """Which regions get requests first: cheapest, nearest, or any."""
    regions: tuple[Region, ...] = ()
    """In which order regions get requests, instead of region_order; those that are not in the list come last."""
    spill_at: PositiveCount | None = None
    """Requests in flight at each replica of a region from which further ones go to the next region. If not written, as
    many as a replica is meant for: the limit or target of concurrency, else 64."""
    require_key: bool = False
    """Refuse requests without an API key of the service (`sky serve keys`)."""
    max_concurrency_per_replica: PositiveCount | None = None
    """Most requests that a replica gets at once; what is more waits at the endpoint. No limit unless written."""
    max_queued_requests: Annotated[Count, Field(le=10_000)] | None = None
    """Most requests that wait for a replica; what is more is refused with 429. 1000 unless written."""
    queue_seconds: Annotated[Seconds, Field(le=LONGEST_QUEUE_SECONDS)] | None = None
    """Longest that a request waits for a replica before it is refused with 503. Unless written 60, or half of
    stream_timeout_seconds."""
    hold_seconds: Seconds = 600
    """How long a request waits for a replica while none works; 0: it is refused at once."""
    max_held_requests: Count = 10_000
    """How many requests may wait at once; more are refused."""
    retry_posts: bool = True
    """Send a POST to another replica, too, where one fails before its answer began, though it may have done it."""
    replica_key: ReplicaKeyField | None = None
    """Sent to replicas with each request and probe: auto, or a key, best by the name of a secret."""
    replica_key_header: KeyHeader | None = None
    """The header that holds it; Authorization, as a bearer token, if not written."""
    replica_tls: ReplicaTls | None = None
    """For replicas that speak https: what certificates they have, and what the endpoint shows them."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key in ("max_queued_requests", "queue_seconds"):
            if self.max_concurrency_per_replica is None and getattr(self, key) is not None:
                reason = "has no effect: without a limit no request waits"
                raise invalid(Finding(reason, "Add max_concurrency_per_replica, or remove it.", (key,)))
        if self.max_request_burst is not None and self.max_requests_per_second is None:
            remedy = "Add max_requests_per_second, or remove it."
            raise invalid(Finding("has no effect: there is no limit", remedy, ("max_request_burst",)))
        if self.stream_timeout_seconds and (self.queue_seconds or 0) >= self.stream_timeout_seconds:
            reason = "is not below stream_timeout_seconds, which counts the silence while a request waits, too"
            raise invalid(Finding(reason, "Write less, or raise stream_timeout_seconds.", ("queue_seconds",)))
        if self.replica_key_header is not None and self.replica_key is None:
            remedy = "Add replica_key, or remove it."
            raise invalid(Finding("has no effect: there is no key", remedy, ("replica_key_header",)))
        if self.session_header is not None and (reason := self._never_there(self.session_header)):
            raise invalid(Finding(reason, "Write for example X-Session-Id.", ("session_header",)))
        return self

    def _never_there(self, header: str) -> str:
        """Why no request has such a header by the time a replica is chosen; empty: it may."""
        if "_" in header:
            return "holds an underscore: the endpoint drops such headers"
        if self.require_key and header.lower() in ("authorization", "x-api-key"):
            return "is where require_key looks for the key, which is taken off the request"
        return ""

    def settings(self) -> EndpointSettings:
        """As the endpoint is told."""
        return EndpointSettings(
            stream_timeout=self.stream_timeout_seconds,
            protocol=self.protocol,
            slow_start=self.slow_start_seconds,
            max_request_bytes=self.max_request_bytes,
            rate=self._rate(),
            concurrency=self._concurrency(),
            affinity=Affinity(
                header=(self.session_header or "").lower(),
                cookie=self.session_cookie or "",
                prefix_bytes=self.prefix_bytes or PREFIX_BYTES,
                load_percent=self.affinity_load_percent,
            ),
            regions=RegionSettings(self.region_order, tuple(map(_place, self.regions)), self.spill_at),
            require_key=self.require_key,
            hold_seconds=self.hold_seconds,
            max_held_requests=self.max_held_requests,
            retry_posts=self.retry_posts,
            replica_key=replica_key(self.replica_key, self.replica_key_header),
            replica_tls=self.replica_tls.settings() if self.replica_tls else None,
        )

    def _rate(self) -> RateLimit | None:
        most = self.max_requests_per_second
        return None if most is None else RateLimit(most, self.max_request_burst or math.ceil(most))

    def _concurrency(self) -> ConcurrencyLimit | None:
        if self.max_concurrency_per_replica is None:
            return None
        return ConcurrencyLimit(
            per_replica=self.max_concurrency_per_replica,
            queued=QUEUED if self.max_queued_requests is None else self.max_queued_requests,
            seconds=self._queue_seconds(),
        )

    def _queue_seconds(self) -> float:
        if self.queue_seconds is not None:
            return self.queue_seconds
        return min(QUEUE_SECONDS, self.stream_timeout_seconds / 2) if self.stream_timeout_seconds else QUEUE_SECONDS


def _place(region: str) -> Place:
    location = parse_infra(region)
    return Place(location.infra or "", location.region or "", location.zone or "")
