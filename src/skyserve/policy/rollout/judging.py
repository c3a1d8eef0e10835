"""When an update has failed."""

from skyserve.model.replica import Cause, Phase
from skyserve.model.rollout import Rollout, UpdateMode
from skyserve.policy.draft import Draft
from skyserve.policy.lifecycle import FAILURES, REFUSALS
from skyserve.policy.rollout.errors import counts, worse
from skyserve.policy.rollout.extent import steps_of
from skyserve.policy.rollout.shifting import WATCH_SECONDS, over_at
from skyserve.policy.rollout.standing import Standing

FAILURES_IN_A_ROW = 3
"""So many replicas of the new version that fail, with none that does well in between, are no accident."""
_HINDRANCES = FAILURES | REFUSALS
"""What may keep a version from coming."""


def verdict(draft: Draft, standing: Standing, rollout: Rollout) -> str:
    """Why the version that comes has failed, in words; empty while it has not.

    Only a version that replaces a good one is judged so: where there is nothing better, trying goes on as after `up`.
    """
    if not standing.can_go_back:
        return ""
    streak = draft.service.failure_streak
    if streak >= FAILURES_IN_A_ROW:
        return f"{streak} replicas failed in a row{_last(draft, rollout, FAILURES)}"
    if why := _probe_is_wrong(draft, standing, rollout):
        return why
    if why := worse(*counts(draft, rollout)):
        return why
    if draft.now >= deadline(standing, rollout):
        return f"nothing went forward for {standing.settings.progress_deadline:g} s{_last(draft, rollout, _HINDRANCES)}"
    draft.wake(deadline(standing, rollout))
    return ""


def _probe_is_wrong(draft: Draft, standing: Standing, rollout: Rollout) -> str:
    """Where the task is the same, a replica that was ready until it was asked in another way tells of the probe."""
    if not standing.same_task:
        return ""
    failing = [r for r in standing.new if r.phase is Phase.NOT_READY and r.since >= rollout.began_at]
    return f"replica {failing[0].id} runs as before, but fails the new probe: {failing[0].detail}" if failing else ""


def watching(draft: Draft, standing: Standing, rollout: Rollout) -> bool:
    """Whether the version is to be judged though no old replica is left. While rolling an old one may end as soon as a
    new one is ready, before that has answered much; blue-green and canary watch before they end any."""
    rolled = rollout.mode is UpdateMode.ROLLING and standing.wanted > 0 and not standing.same_task
    if not rolled or not standing.can_go_back or not standing.settings.automatic_rollback:
        return False
    over = over_at(rollout, standing.settings)
    return counts(draft, rollout)[1].answered > 0 if over is None else draft.now < over


def deadline(standing: Standing, rollout: Rollout) -> float:
    """Until when something must go forward. While a step is watched, nothing should; a machine that is taken away is no
    fault of the version, which begins on another one."""
    since = max(rollout.progressed_at, rollout.taken_at, standing.taken_at)
    if rollout.step_since is not None:
        steps = steps_of(rollout, standing.settings)
        watched = steps[rollout.step].seconds if rollout.step < len(steps) else WATCH_SECONDS
        since = max(since, rollout.step_since + watched)
    return since + standing.settings.progress_deadline


def _last(draft: Draft, rollout: Rollout, causes: frozenset[Cause]) -> str:
    failed = [r for r in draft.replicas() if r.version == rollout.version and r.ended_by in causes and r.detail]
    return f"; the last: {max(failed, key=lambda r: (r.since, r.id)).detail}" if failed else ""
