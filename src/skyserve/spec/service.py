"""`service:`, what makes a task a service."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import model_validator

from skyserve.model.endpoint import Protocol
from skyserve.model.service import GRPC_HEALTH, LoadBalancingPolicy
from skyserve.spec.affinity import affinity_findings
from skyserve.spec.base import AnyCase, Count, Finding, Model, Port, Seconds, Text, invalid
from skyserve.spec.load_balancer import LoadBalancer
from skyserve.spec.probe import ReadinessProbe, ReadinessProbeField
from skyserve.spec.regions import region_findings
from skyserve.spec.replica_policy import ReplicaPolicy
from skyserve.spec.update import Update

_SPOT_FIELDS = ("base_ondemand_fallback_replicas", "dynamic_ondemand_fallback", "spot_placer")
_POOL_KEY = "Pools are written under pool:, not under service:. For a service write replicas."
_IN_POLICY = "Write it under service.replica_policy."


class Tls(Model):
    """`tls:`, the endpoint's key and certificate."""

    keyfile: Text
    """Path of the private key on this machine."""
    certfile: Text
    """Path of the certificate on this machine."""


class Service(Model):
    """How many replicas, how to tell that one is ready, and how requests reach them."""

    readiness_probe: ReadinessProbeField = ReadinessProbe(path="/")
    """How a replica is asked whether it is ready: a path, or a mapping."""
    replicas: Count | None = None
    """A fixed number of replicas; 1 if there is no replica_policy either."""
    replica_policy: ReplicaPolicy | None = None
    """A number of replicas that follows the load, or a mixture of spot and on-demand ones."""
    ports: Port | None = None
    """The port that replicas listen on; needed where resources open several."""
    load_balancing_policy: Annotated[LoadBalancingPolicy, AnyCase] = LoadBalancingPolicy.LEAST_LOAD
    """How requests are spread: least_load, round_robin, instance_aware_least_load, prefix_affinity or
    session_affinity."""
    load_balancer: LoadBalancer = LoadBalancer()
    """Settings of the endpoint."""
    drain_seconds: Seconds = 120
    """Longest time that requests in flight get to finish before a replica is removed."""
    update: Update = Update()
    """How a new version takes over from the one before."""
    tls: Tls | None = None
    """Key and certificate, for https."""

    retired: ClassVar = {
        **ReplicaPolicy.retired,
        **dict.fromkeys((*ReplicaPolicy.model_fields,), _IN_POLICY),
        **dict.fromkeys(("pool", "workers", "min_workers", "max_workers", "queue_length_threshold"), _POOL_KEY),
        "controller_resources": "Remove it: the controller runs on this machine.",
        "port": "Write ports.",
        "load_balancer_type": "Write load_balancing_policy.",
        "external_load_balancers": "Remove it: the endpoint is the only load balancer.",
        "route53_hosted_zone": "Remove it, and let the zone point at the endpoint.",
        "readiness_path": "Write readiness_probe.",
        "initial_delay_seconds": "Write it under service.readiness_probe.",
        "stream_timeout_seconds": "Write it under service.load_balancer.",
    }

    @model_validator(mode="after")
    def _consistent(self) -> "Service":
        if findings := list(self._findings()):
            raise invalid(*findings)
        return self

    def _findings(self) -> Iterator[Finding]:
        if self.replicas is not None and self.replica_policy is not None:
            yield Finding("given together with replica_policy", "Keep one of them.", ("replicas",))
        by_accelerator = self.replica_policy is not None and self.replica_policy.by_accelerator
        instance_aware = self.load_balancing_policy is LoadBalancingPolicy.INSTANCE_AWARE_LEAST_LOAD
        if by_accelerator and not instance_aware:
            remedy = "Write load_balancing_policy: instance_aware_least_load, or one number for all."
            where = ("replica_policy", "target_qps_per_replica")
            yield Finding("differs by accelerator, which this load balancing policy does not heed", remedy, where)
        if instance_aware and not by_accelerator:
            remedy = "Write replica_policy.target_qps_per_replica as a mapping, such as {A100: 2, L4: 1}."
            yield Finding(
                "instance_aware_least_load needs to know what each accelerator can take",
                remedy,
                ("load_balancing_policy",),
            )
        if self.readiness_probe.path == GRPC_HEALTH and self.load_balancer.protocol is not Protocol.HTTP2:
            remedy = "Write load_balancer: {protocol: http2}."
            yield Finding("is a call of gRPC, which needs HTTP/2", remedy, ("readiness_probe",))
        if self.readiness_probe.path == GRPC_HEALTH and self.readiness_probe.post_data is not None:
            yield Finding("a call of gRPC sends none", "Remove it.", ("readiness_probe", "post_data"))
        tls = self.load_balancer.replica_tls
        if self.readiness_probe.path == GRPC_HEALTH and tls and not (tls.cafile and tls.server_name):
            remedy = "Write load_balancer.replica_tls with cafile and server_name."
            yield Finding("is a call of gRPC, which takes no certificate unseen", remedy, ("readiness_probe",))
        yield from affinity_findings(self.load_balancing_policy, self.load_balancer)
        yield from region_findings(self.load_balancing_policy, self.load_balancer)

    @property
    def scaling(self) -> ReplicaPolicy:
        """How many replicas, however it was written."""
        return self.replica_policy or ReplicaPolicy(min_replicas=1 if self.replicas is None else self.replicas)

    @property
    def spot_field(self) -> str | None:
        """A field that has a meaning for spot machines only, if one is set."""
        policy = self.replica_policy
        return next((name for name in _SPOT_FIELDS if policy and getattr(policy, name)), None)
