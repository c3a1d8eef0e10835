"""A service and its versions, as decisions see them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from skyserve.model.autoscaling import Autoscaling, ScalingMemory
from skyserve.model.endpoint import EndpointSettings, ReplicaKey, ReplicaTls
from skyserve.model.placement import Memory, Placement
from skyserve.model.resources import ResourceRequest
from skyserve.model.rollout import Rollout, UpdateSettings
from skyserve.model.schedule import Window


class Goal(StrEnum):
    """What the user wants of a service."""

    RUN = "run"
    DOWN = "down"
    """Everything is to be terminated, then forgotten."""
    PURGE = "purge"
    """As DOWN, but machines that cannot be reached are forgotten with a warning."""


class LoadBalancingPolicy(StrEnum):
    """How the endpoint spreads requests over replicas."""

    LEAST_LOAD = "least_load"
    ROUND_ROBIN = "round_robin"
    INSTANCE_AWARE_LEAST_LOAD = "instance_aware_least_load"
    PREFIX_AFFINITY = "prefix_affinity"
    """Prompts that begin alike meet the same replica."""
    SESSION_AFFINITY = "session_affinity"
    """Requests of one session meet the same replica."""


GRPC_HEALTH = "/grpc.health.v1.Health/Check"
"""The path of gRPC's health checking protocol. A probe with this path is a call of gRPC and no GET."""


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """How readiness is told. Times in seconds."""

    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """JSON value sent with a POST."""
    timeout: float = 15
    interval: float = 10
    initial_delay: float = 1200
    """Longest time from machine up to first ready."""
    failure_threshold: float = 180
    """Longest time of failing probes, once ready, before the replica is replaced."""
    rise: int = 1
    """Passes in a row that make a replica ready."""
    fall: int = 2
    """Failures in a row that make a ready replica not ready: one blip does not cut it off."""
    key: ReplicaKey | None = None
    """Sent beside the headers, which win where they name the same."""
    tls: ReplicaTls | None = None
    """None: it is asked by http."""


@dataclass(frozen=True, slots=True)
class Target:
    """What one version of a service asks of the planner, distilled from its YAML."""

    replicas: int
    """How many; where the number follows the load: how many to begin with."""
    port: int
    requests: tuple[ResourceRequest, ...] = (ResourceRequest(),)
    """Acceptable alternatives."""
    ordered: bool = False
    """True: `requests` are in order of preference. False: the cheapest wins."""
    num_nodes: int = 1
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    load_balancing_policy: LoadBalancingPolicy = LoadBalancingPolicy.LEAST_LOAD
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    drain_seconds: float = 120
    """Longest time in-flight requests get to finish before the machine goes."""
    autoscaling: Autoscaling | None = None
    """None: the number is fixed."""
    overprovision: int = 0
    """Of the replicas of a fixed number, how many are beyond what the user calls the number."""
    schedule: tuple[Window, ...] = ()
    """Hours at which there are more."""
    capacities: Mapping[str, float] = field(default_factory=dict)
    """Requests a second that a replica can take, by its accelerator (`L4`, or `L4:2` for two); empty: all are alike."""
    update: UpdateSettings = field(default_factory=UpdateSettings)
    """How this version is brought in."""
    placement: Placement | None = None
    """None: no alternative asks for spot machines."""

    @property
    def sought(self) -> tuple[ResourceRequest, ...]:
        """What infras are asked for: the alternatives; where all are spot and on-demand machines have a part, each of
        them on demand too."""
        on_demand = self.placement is not None and (self.placement.stand_in or self.placement.base_on_demand > 0)
        if not on_demand or not all(request.use_spot for request in self.requests):
            return self.requests
        return tuple(variant for r in self.requests for variant in (r, replace(r, use_spot=False)))


@dataclass(frozen=True, slots=True)
class Version:
    """One YAML that a service was given."""

    number: int
    target: Target
    created_at: float
    ever_ready: bool = False
    """Some replica of it was ready once."""
    machine_key: str = ""
    """Equal to another version's: a replica's machine serves this one too (skyserve.spec.sameness)."""
    task_key: str = ""
    """Equal to another version's: a replica of that one is what this one would start."""
    reason: str = "up"
    """Where it came from: a user's `up` or `update`, or which version a rollback copied, and why."""
    outcome: str = ""
    """What became of it, where that speaks against it: it failed, or a user left it. Empty otherwise."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service as the database has it."""

    id: int
    """Never used twice, unlike the name."""
    name: str
    port: int
    """Of the endpoint on this machine; does not change while the service lives."""
    goal: Goal
    created_at: float
    generation: int = 0
    """Counts every recorded decision; a writer whose generation is old has lost."""
    first_ready_at: float | None = None
    stopped_reason: str = ""
    """Why launching stopped (failure budget spent, credentials refused); empty while it goes on."""
    failure_streak: int = 0
    """Replicas of the wanted version that failed since one last did well."""
    last_failure_at: float = 0.0
    start_seconds: float | None = None
    """How long replicas took from launch to ready, the latest counting most; None: none was ever ready."""
    scaling: ScalingMemory | None = None
    """What the autoscaler remembers; None: it never saw the load."""
    rollout: Rollout | None = None
    """The update under way; None: there is none."""
    placement: Memory | None = None
    """What placement on spot machines remembers; None: nothing was placed on one."""
