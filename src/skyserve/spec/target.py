"""What a task asks of the planner."""

from dataclasses import replace

from skyserve.model import autoscaling as model
from skyserve.model.autoscaling import Autoscaling, ScalingPolicy
from skyserve.model.endpoint import EndpointSettings, TlsFiles
from skyserve.model.placement import Placement, SpotPlacer
from skyserve.model.resources import ResourceRequest
from skyserve.model.schedule import Window
from skyserve.model.service import ProbeSettings, Target
from skyserve.spec.errors import refusal
from skyserve.spec.replica_policy import ReplicaPolicy
from skyserve.spec.resources import Option
from skyserve.spec.schedule import ScheduleWindow
from skyserve.spec.service import Service
from skyserve.spec.step_limit import StepLimit
from skyserve.spec.task import Task


def target_of(task: Task) -> Target:
    """The number and kind of replicas, their probe, and how they are served. Raises SpecError if it is no service."""
    service = service_of(task)
    scaling = service.scaling
    placement = _placement(task)
    extra = 0 if placement else scaling.num_overprovision or 0
    return Target(
        replicas=scaling.min_replicas + extra,
        port=main_port(task),
        requests=requests_of(task),
        ordered=task.resources.is_ordered,
        num_nodes=task.num_nodes,
        probe=_probe(service),
        load_balancing_policy=service.load_balancing_policy,
        endpoint=_endpoint(service),
        drain_seconds=service.drain_seconds,
        autoscaling=_autoscaling(scaling, extra),
        overprovision=extra,
        schedule=tuple(map(_window, scaling.schedule)),
        capacities=scaling.target_qps_per_replica if isinstance(scaling.target_qps_per_replica, dict) else {},
        update=service.update.settings(service.readiness_probe.initial_delay_seconds),
        placement=placement,
    )


EXTRA = 1
"""Spot replicas that `adaptive` may keep beyond those wanted, while losses are frequent, where no number is written."""


def _endpoint(service: Service) -> EndpointSettings:
    tls = service.tls
    files = None if tls is None else TlsFiles(keyfile=tls.keyfile, certfile=tls.certfile)
    return replace(service.load_balancer.settings(), tls=files)


def _placement(task: Task) -> Placement | None:
    """None where no spot machine is asked for."""
    if not task.resources.uses_spot:
        return None
    policy = service_of(task).scaling
    placer = policy.spot_placer or SpotPlacer.ADAPTIVE
    usual = EXTRA if placer is SpotPlacer.ADAPTIVE else 0
    return Placement(
        placer=placer,
        extra=usual if policy.num_overprovision is None else policy.num_overprovision,
        base_on_demand=policy.base_ondemand_fallback_replicas or 0,
        stand_in=bool(policy.dynamic_ondemand_fallback)
        or not all(option.use_spot for option in task.resources.alternatives),
    )


CONCURRENCY = 2.0
"""Requests in flight for each replica where no target is written, as Ray Serve has it (`target_ongoing_requests`)."""
PERCENTILE = 95.0
"""Of the answers, in percent, how many should begin in time where nothing is written."""


def _autoscaling(policy: ReplicaPolicy, extra: int) -> Autoscaling | None:
    """None for a fixed number."""
    if policy.is_fixed:
        return None
    kind, per_replica = _aim(policy)
    return Autoscaling(
        policy=kind,
        per_replica=per_replica,
        low=policy.min_replicas,
        high=policy.min_replicas if policy.max_replicas is None else policy.max_replicas,
        upscale_delay=policy.upscale_delay_seconds,
        downscale_delay=policy.downscale_delay_seconds,
        overprovision=extra,
        latency=policy.target_latency_seconds or 0.0,
        percentile=policy.latency_percentile or PERCENTILE,
        function=policy.policy or "",
        upscale_step=_step(policy.upscale_step),
        downscale_step=_step(policy.downscale_step),
    )


def _step(limit: StepLimit | None) -> model.StepLimit | None:
    return model.StepLimit(limit.replicas or 0, limit.percent or 0.0, limit.period_seconds) if limit else None


def _window(window: ScheduleWindow) -> Window:
    low, high = window.min_replicas or 0, window.max_replicas or 0
    return Window(window.cron, window.timezone, window.duration * 60, low, high)


def _aim(policy: ReplicaPolicy) -> tuple[ScalingPolicy, float]:
    """What decides, and what one replica should get of it; by accelerator, what the least of them can take."""
    rate = policy.target_qps_per_replica
    if isinstance(rate, dict):
        return ScalingPolicy.INSTANCE_AWARE, min(rate.values())
    if rate is not None:
        return ScalingPolicy.REQUEST_RATE, rate
    if policy.target_queue_per_replica is not None:
        return ScalingPolicy.QUEUE, policy.target_queue_per_replica
    kind = ScalingPolicy.CONCURRENCY if policy.target_latency_seconds is None else ScalingPolicy.LATENCY
    return kind, policy.target_concurrency_per_replica or CONCURRENCY


def service_of(task: Task) -> Service:
    """The service section. Raises SpecError if there is none."""
    if task.service is None:
        raise refusal("is missing, so this is not a service", key="service", remedy="Write service: with replicas: 1.")
    return task.service


def main_port(task: Task) -> int:
    """The port that replicas listen on: `service.ports`, or the only one that the resources open."""
    return service_of(task).ports or task.resources.alternatives[0].ports[0].first


def requests_of(task: Task) -> tuple[ResourceRequest, ...]:
    """Each acceptable alternative, in the order of preference if there is one."""
    return tuple(map(_request, task.resources.alternatives))


def _request(option: Option) -> ResourceRequest:
    infra, region, zone = option.location
    return ResourceRequest(
        infra=infra,
        region=region,
        zone=zone,
        instance_type=option.instance_type,
        cpus=option.cpus,
        memory_gib=option.memory,
        accelerators=option.accelerators.options[0] if option.accelerators else None,
        use_spot=bool(option.use_spot),
        ports=tuple(port for ports in option.ports for port in range(ports.first, ports.last + 1)),
        max_hourly_cost=option.max_hourly_cost,
    )


def _probe(service: Service) -> ProbeSettings:
    probe, endpoint = service.readiness_probe, service.load_balancer.settings()
    return ProbeSettings(
        path=probe.path,
        method="GET" if probe.post_data is None else "POST",
        headers=probe.headers,
        body=probe.post_data,
        timeout=probe.timeout_seconds,
        interval=probe.endpoint_probe_interval_seconds,
        initial_delay=probe.initial_delay_seconds,
        failure_threshold=probe.consecutive_failure_threshold_timeout,
        rise=probe.rise,
        fall=probe.fall,
        key=endpoint.replica_key,
        tls=endpoint.replica_tls,
    )
