"""What makes the number of replicas follow the load, and what is remembered for it."""

from dataclasses import dataclass
from enum import StrEnum


class ScalingPolicy(StrEnum):
    """What of the load decides."""

    REQUEST_RATE = "request_rate"
    """Requests a second."""
    CONCURRENCY = "concurrency"
    """Requests in flight."""
    INSTANCE_AWARE = "instance_aware"
    """Requests a second, where replicas differ in how many they can take."""
    LATENCY = "latency"
    """Requests in flight, as many as the time to the first byte allows."""
    QUEUE = "queue"
    """Requests in flight and requests that wait, at the moment."""


@dataclass(frozen=True, slots=True)
class StepLimit:
    """How far the number may move within any period: by whichever of the two is more."""

    replicas: int = 0
    percent: float = 0.0
    """Of the number that was wanted when the period began, rounded up."""
    period: float = 60.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """What a user asked for."""

    policy: ScalingPolicy
    per_replica: float
    """Requests a second, or in flight, that one replica should get; by latency, how many it is taken for first."""
    low: int
    """Fewest replicas, without those that are overprovisioned."""
    high: int
    """Most of them, likewise."""
    upscale_delay: float = 300
    """Seconds for which the load must call for more."""
    downscale_delay: float = 1200
    """Seconds for which the load must call for fewer."""
    overprovision: int = 0
    """Replicas kept beyond those that the load calls for."""
    upscale_step: StepLimit | None = None
    """None: as many at once as are called for."""
    downscale_step: StepLimit | None = None
    latency: float = 0.0
    """Seconds within which answers should begin; 0: no matter."""
    percentile: float = 95.0
    """Of the answers, in percent, how many should."""
    function: str = ""
    """`module:function` of a policy of the user's own, which decides in place of `policy`."""

    @property
    def heeds_first_bytes(self) -> bool:
        """Whether it matters how soon answers begin."""
        return bool(self.latency or self.function)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The load between two readings."""

    until: float
    """When it was read (seconds since the epoch)."""
    span: float
    """Seconds since the reading before."""
    arrived: int
    busy_seconds: float
    first_bytes: tuple[tuple[int, int], ...] = ()
    """(index of skyserve.model.load.FIRST_BYTE_BOUNDS, answers that began within it and not within the one before)."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """Where a policy has moved its target, and on what ground."""

    limit: float
    """Requests in flight that one replica should get now."""
    since: float
    """When the limit, the edge or the number of ready replicas last changed."""
    ready: int
    edge: float | None = None
    """The limit at which answers were last too late; None: they never were."""


@dataclass(frozen=True, slots=True)
class Call:
    """From this moment on, until the next call, the load called for so many replicas."""

    since: float
    replicas: int


@dataclass(frozen=True, slots=True)
class ScalingMemory:
    """All that an autoscaler knows of the past. Kept in the database, so that a restart is just another call."""

    wanted: int
    """Replicas, without those that are overprovisioned."""
    read_at: float
    """When the totals below were read (seconds since the epoch)."""
    arrived: int = 0
    refused: int = 0
    busy_seconds: float = 0.0
    first_bytes: tuple[int, ...] = ()
    """As skyserve.model.load has them; empty where latency does not matter."""
    buckets: tuple[Bucket, ...] = ()
    """Ascending; as far back as any window reaches."""
    calls: tuple[Call, ...] = ()
    """Ascending; each differs from the one before. What the first called for is taken to have been called for ever."""
    past: tuple[Call, ...] = ()
    """What was wanted since when, ascending; as far back as a step's period reaches."""
    tuning: Tuning | None = None
    """None: the policy does not move its target, or has seen nothing yet."""
    trouble: str = ""
    """Why the user's own policy gave no answer at the last reading."""
    burst_until: float = 0.0
    """A burst of load came: until then no replica is removed, and more are added without delay."""
