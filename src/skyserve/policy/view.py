"""What people are shown of a service, from what a decision sees of it."""

from collections import Counter

from skyserve.model.plan import Amend, Create, Move, Note, Plan, Reclaim, Remember
from skyserve.model.replica import Phase, Replica
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import Goal, Target
from skyserve.model.snapshot import Snapshot
from skyserve.model.view import PlannedAction, PlanView, ReplicaView, ServiceView, VersionView
from skyserve.policy.lifecycle import ENDING, FAILURES
from skyserve.policy.pacing import may_launch_at
from skyserve.policy.placement import Chooser
from skyserve.policy.placement.choosing import offers_of
from skyserve.policy.rollout.telling import rollout_view
from skyserve.policy.schedule import at_this_hour
from skyserve.policy.spot import no_spot
from skyserve.policy.status import replica_status, service_status, shown
from skyserve.policy.wanted import wanted_replicas

_TURNS = ("its region first", "its region second", "its region third", "its region later")
"""When a region gets requests, by its rank."""


def service_view(snapshot: Snapshot, *, policy: str, requested_resources: str, host: str) -> ServiceView:
    """One service. `host`: where the endpoint listens, as users reach it."""
    snapshot = at_this_hour(snapshot)
    service, replicas, target = snapshot.service, snapshot.replicas, snapshot.version.target
    targets = {version.number: version.target for version in snapshot.versions}
    rows = [r for r in replicas if shown(r)]
    counted = [r for r in rows if not replica_status(r).startswith("FAILED")]
    ready = [r for r in replicas if r.phase is Phase.READY]
    wanted = wanted_replicas(service, target) if service.goal is Goal.RUN else 0
    return ServiceView(
        name=service.name,
        service_id=service.id,
        version=snapshot.version.number,
        active_versions=sorted({r.version for r in ready}),
        status=service_status(service, replicas, wanted),
        detail=_detail(snapshot),
        uptime_since=service.first_ready_at,
        ready_replicas=len(ready),
        total_replicas=max(len(counted), wanted),
        target_replicas=wanted,
        endpoint=f"{'https' if target.endpoint.tls else 'http'}://{host}:{service.port}",
        policy=policy,
        load_balancing_policy=str(target.load_balancing_policy),
        requested_resources=requested_resources,
        tls_encrypted=target.endpoint.tls is not None,
        created_at=service.created_at,
        replicas=[_replica_view(snapshot, r, targets.get(r.version, target)) for r in rows],
        stopped_reason=service.stopped_reason,
        rollout=rollout_view(snapshot) if service.goal is Goal.RUN else None,
    )


def _detail(snapshot: Snapshot) -> str:
    service, replicas = snapshot.service, snapshot.replicas
    if service.stopped_reason:
        return service.stopped_reason
    if service.goal is not Goal.RUN:
        stuck = [r for r in replicas if r.phase is Phase.TERMINATING and r.attempts]
        return f"replica {stuck[0].id}: {stuck[0].detail}" if stuck else ""
    target = snapshot.version.target
    alive = [r for r in replicas if r.alive and not r.doomed]
    if len(alive) < wanted_replicas(service, target):
        wait = may_launch_at(service, target, replicas) - snapshot.now
        if wait > 0:
            last = max((r for r in replicas if r.ended_by in FAILURES), key=lambda r: r.id, default=None)
            why = f"; the last: {last.detail}" if last else ""
            return f"{service.failure_streak} replicas failed in a row, the next try is in {wait:.0f} s{why}"
        if target.placement is not None:
            return no_spot(snapshot)
        choice = Chooser(snapshot, offers_of(snapshot), replicas, (r.offer.place for r in alive)).choose()
        return choice.reason if choice.offer is None else ""
    trouble = service.scaling.trouble if target.autoscaling and service.scaling else ""
    return trouble or snapshot.endpoint_trouble


def _replica_view(snapshot: Snapshot, replica: Replica, target: Target) -> ReplicaView:
    """`target`: of the replica's own version."""
    address = replica.instance.addresses.get(target.port) if replica.instance else None
    seen = snapshot.observations.get(replica.id)
    told = replica.phase in (*ENDING, Phase.NOT_READY, Phase.PENDING) or replica.doomed
    words = replica.detail if told else ""
    task = seen.task if seen else None
    if replica.phase is Phase.STARTING and task is not None:
        words = f"{task.stage} runs" if task.exit_code is None else f"{task.stage} ended"
    if replica.phase is Phase.STARTING and seen is not None and seen.probe.passes > target.probe.rise:
        words = "the probe passes, but the endpoint has not accepted it yet"
    if replica.phase is Phase.PROVISIONING and replica.attempts:
        words = f"try {replica.attempts + 1}: {replica.detail}"
    return ReplicaView(
        replica_id=replica.id,
        version=replica.version,
        status=replica_status(replica),
        detail=words,
        endpoint=str(address) if address else None,
        launched_at=replica.created_at,
        infra=str(replica.offer.place),
        resources=f"{target.num_nodes}x{replica.offer}",
        is_spot=replica.offer.spot,
        hourly_usd=replica.offer.hourly_usd * target.num_nodes,
        in_flight=seen.backend.in_flight if seen and seen.backend else 0,
    )


def version_views(snapshot: Snapshot) -> list[VersionView]:
    """The versions of a service, ascending."""
    rollout, numbers = snapshot.service.rollout, [v.number for v in snapshot.versions]
    alive = Counter(r.version for r in snapshot.replicas if r.phase is not Phase.GONE)
    views = []
    for version, following in zip(snapshot.versions, [*numbers[1:], None], strict=True):
        outcome = version.outcome or (f"superseded by version {following}" if following else "current")
        if rollout is not None and rollout.version == version.number and not version.outcome:
            outcome = "rolling out"
        number, reason = version.number, version.reason
        views.append(VersionView(number, version.created_at, reason, outcome, alive[version.number]))
    return views


def plan_view(snapshot: Snapshot, plan: Plan) -> PlanView:
    """What the plan would do, and why."""
    return PlanView(
        service=snapshot.service.name,
        actions=[PlannedAction(type(a).__name__.lower(), _subject(a), a.reason) for a in plan.actions],
        routes=[_route(plan.routes, backend) for backend in plan.routes.backends],
        wake_in_seconds=None if plan.wake_at is None else max(0.0, plan.wake_at - snapshot.now),
    )


def _route(routes: RouteTable, backend: Backend) -> str:
    words = f"replica {backend.replica_id} -> {backend.address}"
    if backend.draining:
        return f"{words}, draining"
    return f"{words}, {_TURNS[min(backend.rank, len(_TURNS) - 1)]}" if routes.ranked else words


def _subject(action: object) -> str:
    if isinstance(action, Move):
        return f"replica {action.replica.id} to {action.replica.phase} by {action.cause}"
    if isinstance(action, Note):
        return f"replica {action.replica.id}"
    if isinstance(action, Create):
        return f"a replica at {action.offer.place}"
    if isinstance(action, Reclaim):
        return f"instance {action.instance.id}"
    if isinstance(action, Amend | Remember):
        return "service"
    replica_id = getattr(action, "replica_id", None)
    return f"replica {replica_id}" if replica_id else "service"
