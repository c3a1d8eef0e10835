"""docs/yaml.md says what the code does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from skyserve.spec.autostop import Autostop
from skyserve.spec.base import Model
from skyserve.spec.json_schema import field_meanings
from skyserve.spec.load_balancer import LoadBalancer
from skyserve.spec.parse import load_task
from skyserve.spec.pool import Pool
from skyserve.spec.probe import ReadinessProbe
from skyserve.spec.replica_policy import ReplicaPolicy
from skyserve.spec.replica_tls import ReplicaTls
from skyserve.spec.resources import AcceleratorArgs, Resources
from skyserve.spec.schedule import ScheduleWindow
from skyserve.spec.service import Service, Tls
from skyserve.spec.step_limit import StepLimit
from skyserve.spec.storage import GitWorkdir, ManagedSecret, Storage
from skyserve.spec.supported import unsupported
from skyserve.spec.task import Task
from skyserve.spec.task_config import TaskConfig
from skyserve.spec.update import Step, Update

REFERENCE = (Path(__file__).parents[2] / "docs" / "yaml.md").read_text()

SECTIONS: dict[str, type[Model]] = {
    "The task": Task,
    "`workdir`": GitWorkdir,
    "`file_mounts`": Storage,
    "`service`": Service,
    "`service.readiness_probe`": ReadinessProbe,
    "`service.replica_policy`": ReplicaPolicy,
    "`service.replica_policy.upscale_step`": StepLimit,
    "`service.replica_policy.schedule`": ScheduleWindow,
    "`service.load_balancer`": LoadBalancer,
    "`service.load_balancer.replica_tls`": ReplicaTls,
    "`service.update`": Update,
    "`service.update.canary_steps`": Step,
    "`service.tls`": Tls,
    "`resources`": Resources,
    "`resources.accelerator_args`": AcceleratorArgs,
    "`resources.autostop`": Autostop,
    "`managed_secrets`": ManagedSecret,
    "`pool`": Pool,
    "`config`": TaskConfig,
}
"""Heading -> the model whose fields its table lists."""


class Row(NamedTuple):
    """One line of a table."""

    name: str
    default: str
    meaning: str
    supported: str


def rows(heading: str) -> list[Row]:
    """The first table of fields below the heading."""
    section = re.split(rf"^#+ {re.escape(heading)}$", REFERENCE, flags=re.MULTILINE)[1]
    table = section[section.index("| Field |") :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]
    return [Row(cell[0].strip("`"), cell[2], cell[3].replace("\\|", "|"), [*cell, ""][4]) for cell in cells]


def default_of(field: FieldInfo) -> str:
    """How the table shows it."""
    default: Any = field.get_default(call_default_factory=True)
    if field.is_required():
        return "required"
    if isinstance(default, ReadinessProbe):
        return f"`{default.path}`"
    if default in (None, (), {}) or isinstance(default, BaseModel):
        return "–"
    return str(default).lower() if isinstance(default, bool) else str(default)


@pytest.mark.parametrize("heading", SECTIONS)
def test_tables_list_the_fields(heading: str) -> None:
    """Each table has the fields of the model, with their defaults and meanings."""
    model = SECTIONS[heading]
    meanings = field_meanings(model)
    expected = [(name, default_of(field), meanings[name]) for name, field in model.model_fields.items()]
    assert [(row.name, row.default, row.meaning) for row in rows(heading)] == expected


EXAMPLES = {
    "name": "web",
    "workdir": ".",
    "num_nodes": "2",
    "resources": "{ports: 80}",
    "file_mounts": "{/a: ./a}",
    "volumes": "{/a: claim}",
    "setup": "make",
    "run": "./serve",
    "envs": "{A: 1}",
    "secrets": "{A: s}",
    "managed_secrets": "[key]",
    "config": "{gcp: {vpc_name: inner}}",
    "service": "{replicas: 1}",
    "pool": "{workers: 1}",
    "event_callback": "echo",
    "inputs": "{gs://in: 1}",
    "outputs": "{gs://out: 1}",
    "api_server_access": "true",
    "service.readiness_probe": "/",
    "service.replicas": "2",
    "service.replica_policy": "{min_replicas: 2}",
    "service.ports": "80",
    "service.load_balancing_policy": "round_robin",
    "service.load_balancer": "{stream_timeout_seconds: 9}",
    "service.drain_seconds": "9",
    "service.update": "{mode: canary}",
    "service.tls": "{keyfile: k, certfile: c}",
    "service.readiness_probe.path": "/p",
    "service.readiness_probe.initial_delay_seconds": "9",
    "service.readiness_probe.timeout_seconds": "9",
    "service.readiness_probe.endpoint_probe_interval_seconds": "9",
    "service.readiness_probe.consecutive_failure_threshold_timeout": "9",
    "service.readiness_probe.post_data": "{a: 1}",
    "service.readiness_probe.headers": "{A: b}",
    "service.readiness_probe.rise": "2",
    "service.readiness_probe.fall": "3",
    "service.replica_policy.min_replicas": "2",
    "service.replica_policy.max_replicas": "3",
    "service.replica_policy.target_qps_per_replica": "2",
    "service.replica_policy.target_concurrency_per_replica": "2",
    "service.replica_policy.target_queue_per_replica": "2",
    "service.replica_policy.target_latency_seconds": "0.8",
    "service.replica_policy.latency_percentile": "90",
    "service.replica_policy.policy": "my_policies:steady",
    "service.replica_policy.num_overprovision": "1",
    "service.replica_policy.upscale_delay_seconds": "9",
    "service.replica_policy.downscale_delay_seconds": "9",
    "service.replica_policy.upscale_step": "{replicas: 2}",
    "service.replica_policy.downscale_step": "{percent: 50}",
    "service.replica_policy.schedule": "[{cron: 0 8 * * *, duration: 8h, timezone: UTC, min_replicas: 3}]",
    "service.replica_policy.base_ondemand_fallback_replicas": "1",
    "service.replica_policy.dynamic_ondemand_fallback": "true",
    "service.replica_policy.spot_placer": "dynamic_fallback",
    "service.load_balancer.stream_timeout_seconds": "9",
    "service.load_balancer.retry_posts": "false",
    "service.load_balancer.protocol": "http2",
    "service.load_balancer.slow_start_seconds": "30",
    "service.load_balancer.session_header": "X-Session",
    "service.load_balancer.session_cookie": "session",
    "service.load_balancer.prefix_bytes": "999",
    "service.load_balancer.affinity_load_percent": "150",
    "service.load_balancer.region_order": "cheapest",
    "service.load_balancer.regions": "[local, ssh/rack]",
    "service.load_balancer.spill_at": "9",
    "service.load_balancer.require_key": "true",
    "service.load_balancer.max_request_bytes": "9",
    "service.load_balancer.max_requests_per_second": "9",
    "service.load_balancer.max_request_burst": "9",
    "service.load_balancer.max_concurrency_per_replica": "4",
    "service.load_balancer.max_queued_requests": "9",
    "service.load_balancer.queue_seconds": "9",
    "service.load_balancer.hold_seconds": "9",
    "service.load_balancer.max_held_requests": "9",
    "service.load_balancer.replica_key": "auto",
    "service.load_balancer.replica_key_header": "X-Api-Key",
    "service.load_balancer.replica_tls": "{insecure: true}",
    "service.update.mode": "blue_green",
    "service.update.max_surge": "2",
    "service.update.max_unavailable": "50%",
    "service.update.canary_steps": "[{traffic: 9, seconds: 9}]",
    "service.update.min_ready_seconds": "9",
    "service.update.progress_deadline_seconds": "9",
    "service.update.automatic_rollback": "false",
    "resources.infra": "local",
    "resources.cloud": "local",
    "resources.region": "r",
    "resources.zone": "z",
    "resources.instance_type": "t",
    "resources.cpus": "2+",
    "resources.memory": "4+",
    "resources.accelerators": "L4:1",
    "resources.accelerator_args": "{tpu_vm: true}",
    "resources.use_spot": "true",
    "resources.disk_size": "9",
    "resources.disk_tier": "best",
    "resources.network_tier": "best",
    "resources.local_disk": "nvme:9",
    "resources.max_hourly_cost": "1.5",
    "resources.ports": "[80]",
    "resources.image_id": "docker:i",
    "resources.labels": "{a: b}",
    "resources.volumes": "[{name: d}]",
    "resources.autostop": "10",
    "resources.priority": "9",
    "resources.priority_class": "high",
    "resources.any_of": "[{cpus: 2}]",
    "resources.ordered": "[{cpus: 2}]",
}
"""A value for every field whose table tells whether it is supported."""

NEEDED = {
    "service.readiness_probe": {"path": "/"},
    "service.replica_policy": {"min_replicas": "1"},
    "resources": {"ports": "80"},
}
"""What must stand beside the field for the section to be right."""

BESIDE = {
    "service.replica_policy.target_qps_per_replica": {"max_replicas": "1"},
    "service.replica_policy.target_concurrency_per_replica": {"max_replicas": "1"},
    "service.replica_policy.target_queue_per_replica": {"max_replicas": "1"},
    "service.replica_policy.target_latency_seconds": {"max_replicas": "1"},
    "service.replica_policy.latency_percentile": {"max_replicas": "1", "target_latency_seconds": "0.8"},
    "service.replica_policy.policy": {"max_replicas": "1"},
    "service.replica_policy.upscale_step": {"max_replicas": "2"},
    "service.replica_policy.downscale_step": {"max_replicas": "2"},
    "service.load_balancer.spill_at": {"region_order": "nearest"},
    "service.load_balancer.max_request_burst": {"max_requests_per_second": "4"},
    "service.load_balancer.max_queued_requests": {"max_concurrency_per_replica": "4"},
    "service.load_balancer.queue_seconds": {"max_concurrency_per_replica": "4"},
    "service.load_balancer.replica_key_header": {"replica_key": "auto"},
    **{
        f"service.replica_policy.{field}": {"use_spot": "true"}
        for field in ("base_ondemand_fallback_replicas", "dynamic_ondemand_fallback", "spot_placer")
    },
}
"""What a field needs beyond that."""

AROUND = {
    "service.load_balancer.session_header": {"load_balancing_policy": "session_affinity"},
    "service.load_balancer.session_cookie": {"load_balancing_policy": "session_affinity"},
    "service.load_balancer.prefix_bytes": {"load_balancing_policy": "prefix_affinity"},
    "service.load_balancer.affinity_load_percent": {"load_balancing_policy": "prefix_affinity"},
}
"""What it needs beside the mapping that it stands in."""


def marked() -> Iterator[tuple[str, str]]:
    """(dotted key, supported or not) of the tables that tell."""
    for heading in SECTIONS:
        section = "" if heading == "The task" else heading.strip("`") + "."
        yield from ((section + row.name, row.supported) for row in rows(heading) if row.supported)


def document_with(key: str) -> str:
    """A service YAML that is right, and gives the field its example."""
    section, _, name = key.rpartition(".")
    beside = BESIDE.get(key, {})
    fields = {**NEEDED.get(section, {}), name: EXAMPLES[key]}
    fields |= {other: value for other, value in beside.items() if other != "use_spot"}
    resources = {"ports": "80"} | {other: value for other, value in beside.items() if other == "use_spot"}
    top = {"run": "./serve", "resources": _flow(resources), "service": "{replicas: 1}"}
    if key == "pool":
        del top["service"], top["resources"]
    if section:
        outer, _, inner = section.partition(".")
        top[outer] = _flow({inner: _flow(fields), **AROUND.get(key, {})} if inner else fields)
    else:
        top[name] = EXAMPLES[key]
    return "".join(f"{name}: {value}\n" for name, value in top.items())


def _flow(fields: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"


@pytest.mark.parametrize(("key", "supported"), list(marked()))
def test_the_last_column_tells_what_up_does(key: str, supported: str) -> None:
    """A field marked `yes` is accepted by `up`; one marked `not yet` is refused by its name."""
    if supported == "never":
        assert key == "resources.job_recovery"
        return
    loaded = load_task(document_with(key), filename="f.yaml")
    refused = [problem.key for problem in unsupported(loaded.task, loaded.source)]
    assert supported in ("yes", "not yet")
    assert (key in refused) == (supported == "not yet")
