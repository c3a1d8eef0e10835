"""Machines whose place gave notice that it will take them back."""

from dataclasses import replace

from skyserve.model.replica import Cause, Phase, Replica
from skyserve.policy.draft import Draft

_SERVED = (Phase.READY, Phase.NOT_READY)


def heed_notices(draft: Draft) -> None:
    """Who serves serves on until it is time to drain; who does not serve yet would only cost money."""
    for row in draft.replicas(Phase.PROVISIONING, Phase.STARTING, *_SERVED, Phase.DRAINING):
        replica = _told(draft, row)
        if replica.noticed_at is None or replica.doomed_at is None or replica.phase is Phase.DRAINING:
            continue
        left = f"{replica.offer.place} takes the machine back in {max(0.0, replica.doomed_at - draft.now):.0f} s"
        drain_at = _drain_at(draft, replica, replica.noticed_at, replica.doomed_at)
        if replica.phase not in _SERVED:
            draft.move(replica, Cause.PREEMPTED, f"{left}, before it is ready")
        elif replica.phase is Phase.NOT_READY or drain_at <= draft.now:
            draft.move(replica, Cause.PREEMPTION_NOTICE, left)
        else:
            draft.wake(drain_at)


def _told(draft: Draft, replica: Replica) -> Replica:
    """The replica with the notice as its infra tells it now, or without one that was taken back."""
    instance = draft.seen(replica).instance
    if instance is None or instance.doomed_at == replica.doomed_at:
        return replica
    kept = replace(replica.instance or instance, doomed_at=instance.doomed_at)
    if instance.doomed_at is None:
        told, words = replace(replica, instance=kept, noticed_at=None), "the machine is not taken back after all"
    else:
        seconds = max(0.0, instance.doomed_at - draft.now)
        told = replace(replica, instance=kept, noticed_at=draft.now)
        words = f"{replica.offer.place} takes the machine back in {seconds:.0f} s; until then it serves"
    if replica.phase is Phase.READY:
        told = replace(told, detail="" if told.noticed_at is None else words)
    draft.note(told, words)
    return told


def _drain_at(draft: Draft, replica: Replica, noticed_at: float, doomed_at: float) -> float:
    """When it stops getting requests: in time for those in flight to finish, never before half of the notice."""
    notice = max(0.0, doomed_at - noticed_at)
    return doomed_at - min(draft.target_of(replica).drain_seconds, notice / 2)
