"""How many replicas there should be."""

import sys
from dataclasses import replace

from skyserve.model.plan import Create
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.service import Goal
from skyserve.policy.draft import Draft
from skyserve.policy.lifecycle import ENDING
from skyserve.policy.pacing import budget_spent, forgive, may_launch_at, redeemed_at, rounds
from skyserve.policy.placement import choose
from skyserve.policy.wanted import most_replicas

_LEAST_READY_FIRST = (Phase.PENDING, Phase.PROVISIONING, Phase.STARTING, Phase.NOT_READY, Phase.READY)


def stop_all(draft: Draft) -> None:
    """A service that is to go down stops every replica; one that drains already keeps draining."""
    if draft.service.goal is Goal.RUN:
        return
    for replica in draft.replicas():
        if replica.phase not in ENDING:
            draft.move(replica, Cause.SERVICE_DOWN, "the service goes down")


def pace(draft: Draft) -> None:
    """Forgive old failures once a replica did well; stop launching once the failure budget is spent and nothing of the
    version is ready."""
    current = [r for r in draft.replicas() if r.version == draft.snapshot.version.number]
    ready = [r for r in current if r.phase is Phase.READY]
    if draft.service.first_ready_at is None and ready:
        draft.amend(replace(draft.service, first_ready_at=draft.now), "first replica ready")
    if draft.service.failure_streak and (at := redeemed_at(draft.service, ready)) is not None:
        if at <= draft.now:
            draft.amend(forgive(draft.service), "a replica stayed ready: earlier failures are forgiven")
        draft.wake(at)
    spent = budget_spent(draft.service, draft.target, ever_ready=draft.snapshot.version.ever_ready)
    if spent and not ready and not draft.service.stopped_reason:
        _halt(draft, f"{draft.service.failure_streak} replicas failed in a row")


def _halt(draft: Draft, why: str) -> None:
    last = max((r for r in draft.replicas() if r.ended_by), key=lambda r: (r.since, r.id), default=None)
    detail = f"; the last: {last.detail}" if last and last.detail else ""
    reason = f"launching stopped: {why}{detail}"
    draft.amend(replace(draft.service, stopped_reason=reason), reason)


def keep_count(draft: Draft) -> None:
    """Create what is missing, where there is room; end what is too much, least ready and youngest first."""
    if draft.service.goal is not Goal.RUN:
        return
    alive = [r for r in draft.replicas() if r.alive]
    missing = draft.wanted - len(alive)
    for replica in _victims(alive, -missing):
        draft.move(replica, Cause.SCALED_DOWN, f"{len(alive)} replicas where {draft.wanted} are wanted")
    if missing <= 0 or draft.service.stopped_reason:
        return
    at = may_launch_at(draft.service, draft.target)
    if at > draft.now:
        draft.wake(at)
        return
    _create(draft, min(missing, _room(draft)), alive)


def _room(draft: Draft) -> int:
    """How many replicas may be added to those that hold a machine. One that its place cannot tell of counts as long as
    it is wanted: the machine of an ended one may be gone, and nothing here could end it."""
    most = most_replicas(draft.target)
    if most is None:
        return sys.maxsize
    held = [r for r in draft.replicas() if r.phase is not Phase.GONE]
    return max(0, most - sum(r.alive or draft.seen(r).unreachable_since is None for r in held))


def _create(draft: Draft, missing: int, alive: list[Replica]) -> None:
    used = [r.offer.place for r in alive]
    why = f"{len(alive)} of {draft.wanted} replicas"
    if past := rounds(draft.service, draft.target):
        why += f"; round {past + 1} after failures"
    for _ in range(missing):
        choice = choose(draft.snapshot, draft.replicas(), used)
        draft.wake(choice.wake_at)
        if choice.offer is None:
            return
        used.append(choice.offer.place)
        draft.do(Create(draft.snapshot.version.number, choice.offer, f"{why}: to {choice.reason}"))


def _victims(alive: list[Replica], count: int) -> list[Replica]:
    if count <= 0:
        return []
    return sorted(alive, key=lambda r: (_LEAST_READY_FIRST.index(r.phase), -r.id))[:count]
