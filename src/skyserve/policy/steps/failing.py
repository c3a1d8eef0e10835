"""How fast to try again after failures, and when to stop."""

from dataclasses import replace

from skyserve.model.replica import Phase
from skyserve.policy.draft import Draft
from skyserve.policy.pacing import budget_spent, forgive, redeemed_at


def pace(draft: Draft) -> None:
    """Forgive old failures once a replica did well; stop launching once the failure budget is spent and nothing of the
    version is ready."""
    wanted = draft.snapshot.version.number
    ready = [r for r in draft.replicas(Phase.READY) if r.version == wanted]
    if draft.service.first_ready_at is None and ready:
        draft.amend(replace(draft.service, first_ready_at=draft.now), "first replica ready")
    if draft.service.failure_streak and (at := redeemed_at(draft.service, ready)) is not None:
        if at <= draft.now:
            draft.amend(forgive(draft.service), "a replica stayed ready: earlier failures are forgiven")
        draft.wake(at)
    spent = budget_spent(draft.service, draft.target, draft.replicas(), ever_ready=draft.snapshot.version.ever_ready)
    if spent and not ready and not draft.service.stopped_reason:
        _halt(draft, f"{draft.service.failure_streak} replicas failed in a row")


def _halt(draft: Draft, why: str) -> None:
    last = max((r for r in draft.replicas() if r.ended_by), key=lambda r: (r.since, r.id), default=None)
    detail = f"; the last: {last.detail}" if last and last.detail else ""
    reason = f"launching stopped: {why}{detail}"
    draft.amend(replace(draft.service, stopped_reason=reason), reason)
