"""Answers as they look, for the description of the API. Real values of the real types, so that they cannot go stale."""

from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from skyserve.contracts.infra import CheckResult
from skyserve.model.place import Place
from skyserve.model.resources import Amount, Offer, ResourceRequest
from skyserve.model.rollout import Extent
from skyserve.model.traffic import Answers, ReplicaTraffic, ServiceTraffic, Spread, Waits
from skyserve.model.view import (
    DownResult,
    KeyView,
    NewKey,
    PlannedAction,
    PlanView,
    ReplicaStatus,
    ReplicaView,
    RolloutView,
    ServiceStatus,
    ServiceView,
    Skipped,
    UpdatePreview,
    VersionView,
)

SERVICE = ServiceView(
    name="web",
    service_id=1,
    version=1,
    active_versions=[1],
    status=ServiceStatus.READY,
    detail="",
    uptime_since=1735689660.0,
    ready_replicas=1,
    total_replicas=1,
    target_replicas=1,
    endpoint="http://127.0.0.1:30001",
    policy="Fixed 1 replica",
    load_balancing_policy="least_load",
    requested_resources="1x(cpus=2)",
    tls_encrypted=False,
    created_at=1735689600.0,
    replicas=[
        ReplicaView(
            replica_id=1,
            version=1,
            status=ReplicaStatus.READY,
            detail="",
            endpoint="127.0.0.1:21001",
            launched_at=1735689601.0,
            infra="local (localhost)",
            resources="1x(cpus=2, mem=4)",
            is_spot=False,
            hourly_usd=0.0,
            in_flight=3,
        )
    ],
)

UPDATING = replace(
    SERVICE,
    version=2,
    rollout=RolloutView(
        version=2,
        before=1,
        mode="canary",
        new_ready=1,
        traffic_percent=25,
        paused=False,
        detail="waits until 25 % of the requests did well for 240 s more",
    ),
)

PREVIEW = UpdatePreview(
    service="web",
    version=1,
    to=None,
    extent=Extent.TASK,
    before="run: serve --model small\nservice:\n  replicas: 1\n",
    after="run: serve --model large\nservice:\n  replicas: 1\n",
    files=["~/sky_workdir"],
)

HISTORY = [
    VersionView(version=1, created_at=1735689600.0, reason="up", outcome="superseded by version 2", replicas=1),
    VersionView(version=2, created_at=1735693200.0, reason="update", outcome="rolling out", replicas=1),
]

PLAN = PlanView(
    service="web",
    actions=[PlannedAction(action="launch", subject="replica 2", reason="1 of 2 replicas wanted are alive")],
    routes=["replica 1 -> 127.0.0.1:21001"],
    wake_in_seconds=10.0,
)

KEY = KeyView(
    key_id=3,
    name="mobile",
    prefix="sk-Zr3pQ1x",
    created_at=1735689600.0,
    expires_at=1738281600.0,
    last_used_at=1735693200.0,
    requests_per_minute=60,
    tokens_per_minute=None,
    tokens_per_day=1_000_000,
    priority=0,
    requests=1200,
    refused=7,
    tokens=480_000,
    minute_tokens_left=None,
    day_tokens_left=930_000,
    spent_until=None,
)

TRAFFIC = ServiceTraffic(
    service="web",
    service_id=1,
    at=1735693200.0,
    arrived=1204,
    in_flight=3,
    retried=1,
    connections=12,
    connected=340,
    received_bytes=1_250_000,
    sent_bytes=48_000_000,
    own=(Answers(503, 2),),
    hold_waits=Waits(released=4, timed_out=1, gone=1, spread=Spread((*[0] * 43, *[4] * 17), 4, 61.5)),
    keys=(KEY,),
    replicas=(
        ReplicaTraffic(
            replica_id=1,
            version=1,
            in_flight=3,
            attempts=1203,
            failed=4,
            answers=(Answers(200, 1196), Answers(500, 3)),
            first_byte=Spread((*[0] * 16, *[900] * 4, *[1196] * 40), 1196, 47.5),
            duration=Spread((*[0] * 30, *[1100] * 4, *[1196] * 26), 1196, 1400.0),
        ),
    ),
)

NEW_KEY = NewKey(
    key="sk-Zr3pQ1x" + 36 * "0",
    required=True,
    about=replace(KEY, last_used_at=None, requests=0, refused=0, tokens=0, day_tokens_left=1_000_000),
)

DOWN = DownResult(
    scheduled=["web"],
    skipped=[Skipped(name="old", reason="is in failed status (FAILED_CLEANUP)")],
    missing=["wbe"],
)

CHECK = CheckResult(infra="local", enabled=True, reason="8 CPUs, 32 GiB", details=("port spaces: network namespaces",))

OFFER = Offer(
    place=Place("local", zone="localhost"),
    machine="localhost",
    cpus=2,
    memory_gib=4,
    request=ResourceRequest(cpus=Amount(2), ports=(8080,)),
)


def example(value: Any, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that answers so."""
    shown = TypeAdapter(type(value)).dump_python(value, mode="json")
    return {status: {"content": {"application/json": {"example": shown}}}}
