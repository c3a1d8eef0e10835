"""What people are told of an update under way."""

from skyserve.model.replica import Phase
from skyserve.model.rollout import Rollout, UpdateMode
from skyserve.model.snapshot import Snapshot
from skyserve.model.view import RolloutView
from skyserve.policy.draft import Draft
from skyserve.policy.lifecycle import REFUSALS
from skyserve.policy.rollout.extent import needed, steps_of
from skyserve.policy.rollout.progress import step_due_at
from skyserve.policy.rollout.shifting import traffic
from skyserve.policy.rollout.standing import Standing, standing_of


def rollout_view(snapshot: Snapshot) -> RolloutView | None:
    """None: there is no update under way."""
    rollout = snapshot.service.rollout
    if rollout is None:
        return None
    standing = standing_of(Draft(snapshot))
    return RolloutView(
        version=rollout.version,
        before=rollout.before,
        mode=rollout.mode,
        new_ready=sum(r.phase is Phase.READY for r in standing.new),
        traffic_percent=traffic(rollout, standing.settings),
        paused=rollout.paused_at is not None,
        detail=snapshot.service.stopped_reason or _waits(snapshot, standing, rollout),
    )


def _waits(snapshot: Snapshot, standing: Standing, rollout: Rollout) -> str:
    if rollout.paused_at is not None:
        return f"held for {standing.now - rollout.paused_at:.0f} s"
    steps, due = steps_of(rollout, standing.settings), step_due_at(standing, rollout)
    if due is not None:
        left = f"{max(0.0, due - standing.now):.0f} s"
        if rollout.step < len(steps):
            return f"step {rollout.step + 1} of {len(steps)} is watched for {left} more"
        if rollout.mode is UpdateMode.ROLLING:
            return f"all replicas are new; what they answer is watched for {left} more"
        return f"the old replicas go in {left}"
    rolls = rollout.mode is UpdateMode.ROLLING
    count = standing.wanted if rolls else needed(rollout, standing.settings, standing.wanted)
    if standing.available < count:
        why = _no_room(snapshot, standing, rollout, count) or _why_not(standing)
        return f"{standing.available} of {count} new replicas are available{why}"
    return f"{len(standing.old)} old replicas are to go"


def _no_room(snapshot: Snapshot, standing: Standing, rollout: Rollout, count: int) -> str:
    """That no place gave the machines that are called for since something last went forward, and the way out."""
    told = [r for r in snapshot.replicas if r.version == rollout.version and r.ended_by in REFUSALS and r.detail]
    last = max(told, key=lambda r: (r.since, r.id), default=None)
    held = sum(r.instance is not None for r in standing.new)
    if last is None or held >= count or last.since < rollout.progressed_at:
        return ""
    mode = "" if rollout.mode is UpdateMode.ROLLING else "mode: rolling, "
    way_out = f"update: {{{mode}max_surge: 0, max_unavailable: 1}}"
    return f"; no machine is to be had for one more: {last.detail}. To do with those that there are: {way_out}"


def _why_not(standing: Standing) -> str:
    """What the new ones that are not are about."""
    soak = standing.settings.min_ready_seconds
    soaking = [at for r in standing.new if (at := standing.available_at(r)) is not None and at > standing.now]
    if soaking:
        return f"; the next one once it has been ready for {soak:g} s, in {min(soaking) - standing.now:.0f} s"
    about = sorted({str(r.phase) for r in standing.new if r.phase is not Phase.READY})
    return f"; the others are {', '.join(about)}" if about else ""
