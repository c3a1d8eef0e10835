"""Which replicas get traffic: those whose probe passes, and those that drain, marked so."""

from collections.abc import Sequence

from skyserve.model.autoscaling import ScalingPolicy
from skyserve.model.replica import Phase, Replica
from skyserve.model.rollout import Rollout, UpdateMode
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import ProbeSettings, Target
from skyserve.policy.autoscaling.capacity import capacity
from skyserve.policy.draft import Draft
from skyserve.policy.keys import rule
from skyserve.policy.prospects import prospect
from skyserve.policy.regions import ranks
from skyserve.policy.rollout.shifting import traffic

_ROUTED = (Phase.STARTING, Phase.READY, Phase.NOT_READY, Phase.DRAINING)


def route_table(draft: Draft) -> RouteTable:
    """The endpoint's table for the rows as they will be.

    A starting replica whose probe passes is in the table already: it becomes READY once the endpoint has accepted it.
    """
    target, coming = draft.target, _on_trial(draft)
    canary = None if coming is None else coming.version
    backends: list[Backend] = []
    examples: dict[int, Replica] = {}
    """Of each version that is in the table, one replica."""
    for replica in draft.replicas(*_ROUTED):
        if (backend := _backend(draft, replica, canary=replica.version == canary)) is not None:
            backends.append(backend)
            examples[replica.version] = replica
    if target.endpoint.regions.matter:
        backends = _ranked(draft, backends)
    return RouteTable(
        service_id=draft.service.id,
        name=draft.service.name,
        port=draft.service.port,
        policy=target.load_balancing_policy,
        backends=tuple(backends),  # ascending, as the rows are
        health_path=_health_path([draft.target_of(replica).probe for replica in examples.values()] or [target.probe]),
        settings=target.endpoint,
        canary_percent=None if coming is None else traffic(coming, target.update),
        prospect=prospect(draft),
        at_once=_at_once(target),
        keys=tuple(rule(key, draft.now) for key in draft.keys) if target.endpoint.require_key else (),
    )


AT_ONCE = 64
"""Requests in flight that a replica of unknown strength may get from among those that waited: less than model servers
batch by default, more than one answers one by one."""
_IN_FLIGHT = (ScalingPolicy.CONCURRENCY, ScalingPolicy.LATENCY, ScalingPolicy.QUEUE)
"""Policies whose target is of requests in flight."""


def _at_once(target: Target) -> int:
    """How many a replica is meant for, where the user said so."""
    knobs, limit = target.autoscaling, target.endpoint.concurrency
    if limit is not None:
        return limit.per_replica
    return AT_ONCE if knobs is None or knobs.policy not in _IN_FLIGHT else max(1, round(knobs.per_replica))


def _on_trial(draft: Draft) -> Rollout | None:
    """The update that splits the requests. One that has just been given up splits them until the next pass, which knows
    the version that is gone back to."""
    rollout = draft.service.rollout
    if rollout is not None and rollout.version > draft.snapshot.version.number:
        rollout = draft.snapshot.service.rollout
    return rollout if rollout is not None and rollout.mode is not UpdateMode.ROLLING else None


def _health_path(probes: Sequence[ProbeSettings]) -> str | None:
    """The path that all of them ask for by a plain GET; None: there is none, as where an update changes it."""
    paths = {probe.path if probe.method == "GET" and not probe.headers else None for probe in probes}
    return paths.pop() if len(paths) == 1 else None


def _backend(draft: Draft, replica: Replica, *, canary: bool) -> Backend | None:
    draining = replica.phase is Phase.DRAINING
    if replica.instance is None or not (draining or replica.phase is Phase.READY or draft.passes(replica)):
        return None
    address = replica.instance.addresses.get(draft.target_of(replica).port)
    if address is None:
        return None
    weight = capacity(replica.offer, draft.target)
    own = draft.target_of(replica).endpoint
    return Backend(
        replica.id, address, draining, canary, replica.version, weight, key=own.replica_key, tls=own.replica_tls
    )


def _ranked(draft: Draft, backends: Sequence[Backend]) -> list[Backend]:
    """With the place of each one's region in the order. Those that drain get no requests, and count for nothing."""
    taking = {backend.replica_id for backend in backends if not backend.draining}
    replicas = [replica for replica in draft.replicas(*_ROUTED) if replica.id in taking]
    trips = {replica.id: draft.seen(replica).probe.trip for replica in replicas}
    places = ranks(draft.target, replicas, trips)
    return [backend._replace(rank=places.get(backend.replica_id, 0)) for backend in backends]
