"""A task in the words that users know from SkyServe."""

import json

from skyserve.model.placement import SpotPlacer
from skyserve.model.resources import ResourceRequest
from skyserve.spec.amounts import amount_text, number_text
from skyserve.spec.probe import ReadinessProbe
from skyserve.spec.replica_policy import ReplicaPolicy
from skyserve.spec.target import requests_of, service_of
from skyserve.spec.task import Task


def describe_policy(task: Task) -> str:
    """`Fixed 2 replicas`, or how the number follows the load."""
    policy = service_of(task).scaling
    extra = policy.num_overprovision
    over = f" with {_replicas(extra, 'overprovisioned ')}" if extra else ""
    hours = ", more by schedule" if policy.schedule else ""
    if policy.is_fixed:
        return f"Fixed {_replicas(policy.min_replicas)}{over}{hours}"
    bounds = f"from {policy.min_replicas} to {policy.max_replicas} replicas"
    return f"Autoscaling {bounds}{over}{hours} ({_scaled_by(policy)})"


def requested_resources(task: Task) -> str:
    """`1x(cpus=2, mem=4+)`, for each alternative."""
    alternatives = [f"{task.num_nodes}x{_request(request)}" for request in requests_of(task)]
    return (" > " if task.resources.is_ordered else " or ").join(dict.fromkeys(alternatives))


def no_fit_remedy(task: Task) -> str:
    """What to do where nothing fits the resources."""
    if all(option.use_spot for option in task.resources.alternatives):
        return "Remove use_spot, since machines of your own are no spot machines, or ask for less in `resources:`."
    return "Ask for less in `resources:`."


def service_rows(task: Task) -> list[tuple[str, str]]:
    """(label, value) of the `Service spec:` block. Shows no secret."""
    service = service_of(task)
    probe = service.readiness_probe
    tls = service.tls
    return [
        ("Readiness probe method", _without_secrets(_probe(probe), task)),
        ("Readiness initial delay seconds", number_text(probe.initial_delay_seconds)),
        ("Readiness probe timeout seconds", number_text(probe.timeout_seconds)),
        ("Replica autoscaling policy", describe_policy(task)),
        ("TLS Certificates", f"Keyfile: {tls.keyfile}, Certfile: {tls.certfile}" if tls else "No TLS Enabled"),
        ("Spot Policy", _spot(service.scaling, task.resources.uses_spot)),
        ("Load Balancing Policy", service.load_balancing_policy.value),
    ]


def _replicas(number: int, kind: str = "") -> str:
    return f"{number} {kind}replica{'' if number == 1 else 's'}"


def _scaled_by(policy: ReplicaPolicy) -> str:
    if policy.policy is not None:
        return f"by {policy.policy}"
    rate = policy.target_qps_per_replica
    if isinstance(rate, dict):
        return f"target QPS per replica: {', '.join(f'{name}: {number_text(qps)}' for name, qps in rate.items())}"
    if rate is not None:
        return f"target QPS per replica: {number_text(rate)}"
    if policy.target_latency_seconds is not None:
        return f"target latency: {number_text(policy.target_latency_seconds)} s to the first byte"
    if policy.target_queue_per_replica is not None:
        return f"target queue per replica: {number_text(policy.target_queue_per_replica)}"
    if policy.target_concurrency_per_replica is not None:
        return f"target concurrency per replica: {number_text(policy.target_concurrency_per_replica)}"
    return "by requests in flight"


def _request(request: ResourceRequest) -> str:
    amounts = (("cpus", request.cpus), ("mem", request.memory_gib))
    parts = [f"{name}={amount_text(amount)}" for name, amount in amounts if amount]
    parts += [str(request.accelerators)] if request.accelerators else []
    where = "/".join(part for part in (request.infra, request.region, request.zone) if part)
    spot = "[spot]" if request.use_spot else ""
    return f"{spot}({', '.join(parts) or 'default'}){f' on {where}' if where else ''}"


def _probe(probe: ReadinessProbe) -> str:
    method = "GET" if probe.post_data is None else "POST"
    body = "" if probe.post_data is None else f" {json.dumps(probe.post_data)}"
    return f"{method} {probe.path}{body}{' with custom headers' if probe.headers else ''}"


def _without_secrets(text: str, task: Task) -> str:
    """The body of a probe may hold what a variable put there."""
    for secret in task.secrets.values():
        if value := secret.get_secret_value():
            text = text.replace(json.dumps(value)[1:-1], "***")
    return text


def _spot(policy: ReplicaPolicy, uses_spot: bool) -> str:
    if not uses_spot:
        return "No spot policy"
    base = policy.base_ondemand_fallback_replicas
    if policy.dynamic_ondemand_fallback and policy.spot_placer is SpotPlacer.DYNAMIC_FALLBACK:
        return "SpotHedge"
    if policy.dynamic_ondemand_fallback:
        return "Dynamic on-demand fallback" + (f" with {_replicas(base, 'base on-demand ')}" if base else "")
    if base:
        return f"Static spot mixture with {_replicas(base, 'base on-demand ')}"
    return f"Spot placement with {policy.spot_placer or SpotPlacer.ADAPTIVE} placer"
