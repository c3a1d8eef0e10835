"""What people and programs are shown of a service: the shape of `-o json`, the SDK and the REST API."""

from dataclasses import dataclass, field
from enum import StrEnum

from skyserve.model.rollout import Extent


class ServiceStatus(StrEnum):
    """SkyServe's words, with their documented meaning."""

    CONTROLLER_INIT = "CONTROLLER_INIT"
    """The controller has not looked at it yet."""
    REPLICA_INIT = "REPLICA_INIT"
    """No replica is ready yet and none has failed for good."""
    READY = "READY"
    """At least one replica is ready."""
    NO_REPLICA = "NO_REPLICA"
    """Scaled to zero."""
    FAILED = "FAILED"
    """A replica failed, and none is ready."""
    SHUTTING_DOWN = "SHUTTING_DOWN"
    FAILED_CLEANUP = "FAILED_CLEANUP"
    """Something could not be terminated; it may still cost money."""
    CONTROLLER_FAILED = "CONTROLLER_FAILED"


class ReplicaStatus(StrEnum):
    """SkyServe's words, derived from phase and cause."""

    PENDING = "PENDING"
    PROVISIONING = "PROVISIONING"
    STARTING = "STARTING"
    READY = "READY"
    NOT_READY = "NOT_READY"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    PREEMPTED = "PREEMPTED"
    FAILED = "FAILED"
    FAILED_INITIAL_DELAY = "FAILED_INITIAL_DELAY"
    FAILED_PROBING = "FAILED_PROBING"
    FAILED_PROVISION = "FAILED_PROVISION"
    FAILED_CLEANUP = "FAILED_CLEANUP"


COST_NOTHING = frozenset(
    {
        ReplicaStatus.PENDING,
        ReplicaStatus.PREEMPTED,
        ReplicaStatus.FAILED,
        ReplicaStatus.FAILED_INITIAL_DELAY,
        ReplicaStatus.FAILED_PROBING,
        ReplicaStatus.FAILED_PROVISION,
    }
)
"""Words of replicas that hold no machine yet, or none any more."""


@dataclass(frozen=True)
class ReplicaView:
    """One row of `Service Replicas`."""

    replica_id: int
    version: int
    status: ReplicaStatus
    detail: str
    """Why, in words; empty when all is well."""
    endpoint: str | None
    """host:port of the replica itself."""
    launched_at: float | None
    infra: str
    resources: str
    """`1x(cpus=2, mem=4)`; spot: `1x[spot](...)`."""
    is_spot: bool
    hourly_usd: float
    in_flight: int


@dataclass(frozen=True)
class RolloutView:
    """An update under way."""

    version: int
    """The version that comes."""
    before: int
    """The version that goes."""
    mode: str
    new_ready: int
    """Replicas of the new version that are ready, out of `target_replicas` of the service."""
    traffic_percent: int | None
    """Share of the requests that the new version gets; None: each replica, old or new, gets its part."""
    paused: bool
    detail: str
    """What it waits for, in words."""


@dataclass(frozen=True)
class VersionView:
    """One row of `sky serve history`."""

    version: int
    created_at: float
    reason: str
    """Where it came from: `up`, `update`, `rollback to version 2`, `automatic rollback to version 2: why`."""
    outcome: str
    """`current`, `rolling out`, `superseded by version 4`, `failed: why`."""
    replicas: int
    """That are of it now, in any phase but gone."""


@dataclass(frozen=True)
class UpdatePreview:
    """What a service is now, and what it would become."""

    service: str
    version: int
    """The version wanted now."""
    to: int | None
    """The earlier version that it would be once more; None: it is new."""
    extent: Extent
    before: str
    """The present task as YAML, without what is at its default; secrets are masked, and marked where they change."""
    after: str
    """The new one, likewise."""
    files: list[str]
    """Places on a replica whose files change."""


@dataclass(frozen=True)
class ServiceView:
    """One row of `Services`, and its replicas."""

    name: str
    service_id: int
    version: int
    """The version wanted."""
    active_versions: list[int]
    """Versions that get traffic."""
    status: ServiceStatus
    detail: str
    """Why, in words; empty when all is well."""
    uptime_since: float | None
    """When a replica was first ready."""
    ready_replicas: int
    total_replicas: int
    """Without failed ones, with those shutting down and those that are yet to come."""
    target_replicas: int
    endpoint: str
    """URL; empty while there is none."""
    policy: str
    load_balancing_policy: str
    requested_resources: str
    tls_encrypted: bool
    created_at: float
    replicas: list[ReplicaView] = field(default_factory=list)
    stopped_reason: str = ""
    """Why launching stopped for good; empty while the controller goes on trying."""
    rollout: RolloutView | None = None
    """None: no update is under way."""


@dataclass(frozen=True)
class KeyView:
    """One row of `sky serve keys list`: an API key, without the key itself."""

    key_id: int
    """Never used twice."""
    name: str
    prefix: str
    """How the key begins."""
    created_at: float
    expires_at: float | None
    """None: it does not expire."""
    last_used_at: float | None
    """To some seconds; None: it was not used yet."""
    requests_per_minute: int | None
    """None: as many as there are; so for tokens."""
    tokens_per_minute: int | None
    tokens_per_day: int | None
    priority: int
    requests: int
    """Since it was made, those too that were refused."""
    refused: int
    """Of those: by a limit of the key, or since it had expired."""
    tokens: int
    """Of answers that have ended, since it was made; counted while some key of the service has a budget of tokens."""
    minute_tokens_left: int | None
    """Of this minute's budget; None: it has none."""
    day_tokens_left: int | None
    """Of this day's, in UTC, likewise."""
    spent_until: float | None
    """Until then it is refused, since its budget of tokens is spent; None: something is left of it."""


@dataclass(frozen=True)
class NewKey:
    """What `sky serve keys create` made."""

    key: str
    """The key itself, which is told this once."""
    required: bool
    """Whether the service refuses requests without one (`service.load_balancer.require_key`)."""
    about: KeyView


@dataclass(frozen=True)
class PlannedAction:
    """One line of `sky serve plan`."""

    action: str
    subject: str
    """`replica 3`, `instance abc`, `service`."""
    reason: str


@dataclass(frozen=True)
class PlanView:
    """What the controller would do now."""

    service: str
    actions: list[PlannedAction]
    routes: list[str]
    """One line a backend: `replica 1 -> 127.0.0.1:21001` (`, draining`, or when its region gets requests)."""
    wake_in_seconds: float | None


@dataclass(frozen=True)
class Skipped:
    """A service that `down` left alone."""

    name: str
    reason: str


@dataclass(frozen=True)
class DownResult:
    """What `down` did with each name."""

    scheduled: list[str]
    """Services whose termination has begun."""
    skipped: list[Skipped]
    """Services left alone, and why."""
    missing: list[str]
    """Names (and patterns) that no service bears."""


PROTOCOL = 2
"""Version of the REST API. Client and controller must agree on it; grows when either would misread the other."""


@dataclass(frozen=True)
class Health:
    """Who answers on the API's socket."""

    version: str
    """Of the package that the controller runs."""
    protocol: int
    pid: int
