"""As many replicas of one version as there should be: create what is missing where there is room, end what is too much.

What is least ready ends first, and of equals the youngest."""

import sys

from skyserve.model.plan import Create
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.policy.draft import Draft, Share
from skyserve.policy.pacing import may_launch_at, rounds
from skyserve.policy.placement import Chooser
from skyserve.policy.wanted import most_replicas

_LEAST_READY_FIRST = (Phase.PENDING, Phase.PROVISIONING, Phase.STARTING, Phase.NOT_READY, Phase.READY)


def staff(draft: Draft, share: Share) -> None:
    """Create what is missing of the share, end what is too much."""
    alive = [r for r in draft.replicas() if r.alive and r.version == share.version.number]
    missing = share.wanted - len(alive)
    for replica in _victims(alive, -missing):
        draft.move(replica, Cause.SCALED_DOWN, f"{len(alive)} replicas where {share.wanted} are wanted")
    if missing <= 0 or draft.service.stopped_reason:
        return
    at = may_launch_at(draft.service, draft.target)
    if at > draft.now:
        draft.wake(at)
        return
    _create(draft, share, min(missing, _room(draft)), alive)


def _room(draft: Draft) -> int:
    """How many replicas may be added to those that hold a machine. One that its place cannot tell of counts as long as
    it is wanted: the machine of an ended one may be gone, and nothing here could end it."""
    most = most_replicas(draft.target)
    if most is None:
        return sys.maxsize
    held = [r for r in draft.replicas() if r.phase is not Phase.GONE]
    return max(0, most - sum(r.alive or draft.seen(r).unreachable_since is None for r in held))


def _create(draft: Draft, share: Share, missing: int, alive: list[Replica]) -> None:
    why = f"{len(alive)} of {share.wanted} replicas"
    if past := rounds(draft.service, draft.target):
        why += f"; round {past + 1} after failures"
    chooser = Chooser(draft.snapshot.as_if_wanted(share.version), draft.replicas(), (r.offer.place for r in alive))
    for _ in range(missing):
        choice = chooser.choose()
        draft.wake(choice.wake_at)
        if choice.offer is None:
            return
        draft.do(Create(share.version.number, choice.offer, f"{why}: to {choice.reason}"))


def _victims(alive: list[Replica], count: int) -> list[Replica]:
    if count <= 0:
        return []
    return sorted(alive, key=lambda r: (_LEAST_READY_FIRST.index(r.phase), -r.id))[:count]
