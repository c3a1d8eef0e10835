"""What Prometheus is told."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from skyserve.api.examples import KEY, SERVICE, TRAFFIC
from skyserve.controller.metrics.exposition import exposition
from skyserve.controller.metrics.families import BOUNDS
from skyserve.controller.metrics.waits import ENDS
from skyserve.controller.tallies import Tallies
from skyserve.endpoint.waits import End
from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.traffic import ServiceTraffic, Waits
from skyserve.model.view import ReplicaStatus, ServiceView
from skyserve.sim.virtual import run_virtual
from tests.controller.scene import Scene, task

DOC = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
READY = SERVICE.replicas[0]
WEB = replace(
    SERVICE,
    target_replicas=3,
    replicas=[
        replace(READY, hourly_usd=2.5),
        replace(READY, replica_id=2, hourly_usd=2.5),
        replace(READY, replica_id=3, status=ReplicaStatus.PENDING, hourly_usd=2.5),
    ],
)
BUSY = Tallies(Counter({"web": 60}), {"web": 0.3}, Counter({("web", "launch"): 3, ("web", "preempted"): 1}), 2)


def told(
    views: Sequence[ServiceView] = (WEB,), traffics: Sequence[ServiceTraffic] = (TRAFFIC,), tallies: Tallies = BUSY
) -> dict[str, Metric]:
    """The families by name, as Prometheus reads them."""
    text = exposition(views, traffics, {"web": [KEY]}, tallies).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family: Metric, **labels: str) -> list[float]:
    """Of the samples with these labels."""
    return [s.value for s in family.samples if labels.items() <= s.labels.items()]


def test_every_metric_is_documented() -> None:
    """docs/metrics.md lists them all, with their types and labels, and no others."""
    rows = re.findall(r"^\| `(skyserve_\w+)` \| (\w+) \| ([\w, ]*)\|", DOC, flags=re.MULTILINE)
    families = [family for name, family in told().items() if name.startswith("skyserve_")]
    exposed = {
        (
            f"{family.name}_total" if family.type == "counter" else family.name,
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels) - {"le"},
        )
        for family in families
    }
    assert {(name, kind, frozenset(re.findall(r"\w+", labels))) for name, kind, labels in rows} == exposed
    assert all(family.documentation.endswith(".") and family.samples for family in families)


def test_services_and_replicas() -> None:
    """How many are of which kind, how many are wanted, and what they cost."""
    found = told()
    assert values(found["skyserve_replicas"], service="web", version="1", status="READY") == [2]
    assert values(found["skyserve_replicas"], status="PENDING") == [1]
    assert values(found["skyserve_replicas_wanted"], service="web") == [3]
    assert values(found["skyserve_hourly_cost_usd"], service="web") == [5.0]


def test_requests() -> None:
    """By replica, version and status; what the endpoint answered itself is no replica's."""
    found = told()
    requests = found["skyserve_requests"]
    assert values(requests, service="web", replica="1", version="1", code="200") == [1196]
    assert values(requests, replica="none", version="none") == [2]
    assert values(found["skyserve_requests_arrived"]) == [1204]
    assert values(found["skyserve_replica_requests_in_flight"], replica="1") == [3]
    assert values(found["skyserve_replica_attempts"], replica="1", version="1") == [1203]
    assert values(found["skyserve_replica_failed_attempts"], replica="1", version="1") == [4]
    assert values(found["skyserve_replica_ejected"], replica="1", version="1") == [0]


def test_keys() -> None:
    """By name; the key itself is nowhere known."""
    found = told()
    assert values(found["skyserve_key_requests"], service="web", key=KEY.name) == [KEY.requests]
    assert values(found["skyserve_key_tokens"], service="web", key=KEY.name) == [KEY.tokens]

    assert values(found["skyserve_key_refused"], service="web", key=KEY.name) == [KEY.refused]
    left = found["skyserve_key_tokens_left"]
    assert [(s.labels["budget"], s.value) for s in left.samples] == [("day", KEY.day_tokens_left)]


def test_waits() -> None:
    """By what was waited for and how it ended; times are of those that went on."""
    found = told()
    assert values(found["skyserve_waits"], service="web", wait="hold", end="released") == [4]
    assert values(found["skyserve_waits"], wait="hold", end="timed_out") == [1]
    assert values(found["skyserve_waits"], wait="queue") == [0] * len(ENDS)
    assert {*ENDS} == {field.name for field in fields(Waits)} - {"spread"} == {*End}
    sums = [s.value for s in found["skyserve_wait_seconds"].samples if s.name.endswith("_sum")]
    assert sums == [61.5, 0.0]


def test_histograms_are_as_prometheus_wants_them() -> None:
    """Buckets ascend to all that were counted, and the bounds are those that are counted by."""
    assert set(BOUNDS) <= set(FIRST_BYTE_BOUNDS)
    for name in ("skyserve_first_byte_seconds", "skyserve_request_duration_seconds"):
        samples = told()[name].samples
        buckets = [s for s in samples if s.name.endswith("_bucket")]
        assert [float(s.labels["le"]) for s in buckets] == [*BOUNDS, float("inf")]
        counts = [s.value for s in buckets]
        assert counts == sorted(counts)
        assert {s.value for s in samples if s.name.endswith("_count")} == {counts[-1]} == {1196}
    assert [s.value for s in told()["skyserve_first_byte_seconds"].samples if s.name.endswith("_sum")] == [47.5]


def test_an_endpoint_that_does_not_tell() -> None:
    """It is told that it does not, and no noughts that look like quiet."""
    found = told(traffics=())
    assert values(found["skyserve_endpoint_up"], service="web") == [0]
    assert found["skyserve_requests_arrived"].samples == found["skyserve_requests"].samples == []
    assert values(told()["skyserve_endpoint_up"]) == [1]


def test_what_the_controller_did(tmp_path: Path) -> None:
    """Its passes and the moves of its replicas are counted, and forgotten with the service."""

    async def story() -> None:
        scene = Scene(tmp_path)
        await scene.begin()
        await scene.operations.up(task(), "web", tmp_path)
        await scene.until(lambda: len(scene.serving()) == 2)
        text = (await scene.operations.metrics()).decode()
        families = {family.name: family for family in text_string_to_metric_families(text)}
        moves = families["skyserve_replica_moves"]
        assert values(moves, service="web", cause="launch") == values(moves, service="web", cause="probe_passed") == [2]
        (passes,) = [s.value for s in families["skyserve_pass_seconds"].samples if s.name.endswith("_count")]
        assert passes >= 2
        assert values(families["skyserve_endpoint_up"], service="web") == [1]
        await scene.operations.down(["web"], purge=False)
        await scene.until(lambda: not scene.controller.reconcilers)
        assert b'service="web"' not in await scene.operations.metrics()
        await scene.end()

    run_virtual(story())
