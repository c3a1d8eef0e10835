"""A task in SkyServe's words."""

import pytest

from skyserve.spec.describe import describe_policy, requested_resources, service_rows
from skyserve.spec.errors import SpecError
from skyserve.spec.parse import parse_task
from skyserve.spec.task import Task
from tests.spec.documents import SERVICE


def task(service: str, resources: str = "{ports: 80}", rest: str = "") -> Task:
    return parse_task(f"service: {service}\nresources: {resources}\n{rest}", filename="f.yaml")


POLICY = "{{replica_policy: {{{}}}}}"


@pytest.mark.parametrize(
    ("service", "text"),
    [
        ("{}", "Fixed 1 replica"),
        ("{replicas: 0}", "Fixed 0 replicas"),
        (POLICY.format("min_replicas: 2, num_overprovision: 1"), "Fixed 2 replicas with 1 overprovisioned replica"),
        (
            POLICY.format("min_replicas: 1, max_replicas: 3, target_qps_per_replica: 2.5, num_overprovision: 2"),
            "Autoscaling from 1 to 3 replicas with 2 overprovisioned replicas (target QPS per replica: 2.5)",
        ),
        (
            POLICY.format("min_replicas: 0, max_replicas: 3, target_concurrency_per_replica: 8"),
            "Autoscaling from 0 to 3 replicas (target concurrency per replica: 8)",
        ),
        (POLICY.format("min_replicas: 0, max_replicas: 2"), "Autoscaling from 0 to 2 replicas (by requests in flight)"),
        (
            "{load_balancing_policy: instance_aware_least_load, "
            "replica_policy: {min_replicas: 1, max_replicas: 2, target_qps_per_replica: {A100-80GB: 2, L4: 0.5}}}",
            "Autoscaling from 1 to 2 replicas (target QPS per replica: A100-80GB: 2, L4: 0.5)",
        ),
    ],
)
def test_policy(service: str, text: str) -> None:
    """How many replicas, and what they follow."""
    assert describe_policy(task(service)) == text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("", "Spot placement with adaptive placer"),
        (", dynamic_ondemand_fallback: true", "Dynamic on-demand fallback"),
        (
            ", dynamic_ondemand_fallback: true, base_ondemand_fallback_replicas: 1",
            "Dynamic on-demand fallback with 1 base on-demand replica",
        ),
        (", base_ondemand_fallback_replicas: 2", "Static spot mixture with 2 base on-demand replicas"),
        (", spot_placer: dynamic_fallback", "Spot placement with dynamic_fallback placer"),
        (", spot_placer: dynamic_fallback, dynamic_ondemand_fallback: true", "SpotHedge"),
    ],
)
def test_spot_policy(fields: str, text: str) -> None:
    """Which mixture of spot and on-demand."""
    described = task(POLICY.format("min_replicas: 2" + fields), "{ports: 80, use_spot: true}")
    assert dict(service_rows(described))["Spot Policy"] == text


def test_all_rows() -> None:
    """The labels of the `Service spec:` block, in order."""
    service = "{readiness_probe: {path: /v1, post_data: {a: 1}, headers: {K: v}}, tls: {keyfile: k, certfile: c}}"
    assert service_rows(task(service)) == [
        ("Readiness probe method", 'POST /v1 {"a": 1} with custom headers'),
        ("Readiness initial delay seconds", "1200"),
        ("Readiness probe timeout seconds", "15"),
        ("Replica autoscaling policy", "Fixed 1 replica"),
        ("TLS Certificates", "Keyfile: k, Certfile: c"),
        ("Spot Policy", "No spot policy"),
        ("Load Balancing Policy", "least_load"),
    ]


def test_requested_resources() -> None:
    """Each alternative once, with the number of nodes."""
    assert requested_resources(task("{}")) == "1x(default)"
    wide = "{ports: 80, cpus: 4+, memory: 1234567.5, accelerators: {L4:1, T4:2}, use_spot: true}"
    expected = "2x[spot](cpus=4+, mem=1234567.5, L4:1) or 2x[spot](cpus=4+, mem=1234567.5, T4:2)"
    assert requested_resources(task("{}", wide, "num_nodes: 2\n")) == expected
    ordered = "{ports: 80, cpus: 2, ordered: [{infra: ssh/lab}, {infra: local}]}"
    assert requested_resources(task("{}", ordered)) == "1x(cpus=2) on ssh/lab > 1x(cpus=2) on local"


def test_only_a_service_is_described() -> None:
    """A task without service: has no policy."""
    with pytest.raises(SpecError, match="service: is missing"):
        describe_policy(parse_task(SERVICE, filename="f.yaml"))
