"""How an update comes about: what is kept, how far it has come, and of which version the replicas are to be."""

from collections.abc import Sequence
from dataclasses import replace

from skyserve.model.plan import Abandon
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.rollout import Rollout, UpdateMode
from skyserve.model.service import Goal, Version
from skyserve.policy.draft import Draft, Share
from skyserve.policy.rollout.beginning import begin
from skyserve.policy.rollout.division import REFILL_SECONDS, Division
from skyserve.policy.rollout.extent import surge
from skyserve.policy.rollout.holding import holding
from skyserve.policy.rollout.judging import verdict, watching
from skyserve.policy.rollout.progress import next_step, progressed, step_due_at
from skyserve.policy.rollout.rolling import rolling
from skyserve.policy.rollout.shifting import shifting
from skyserve.policy.rollout.standing import Standing, on_probation, standing_of

_NOT_BEGUN = (Phase.PENDING, Phase.PROVISIONING)


def adopt(draft: Draft) -> None:
    """A replica that is what the wanted version would start is of that version from now on, and runs on: all of the
    service section is live. So is one on whose machine nothing has begun yet, if the machine is the right one and the
    old version needs none any more."""
    older = {v.number: v for v in draft.snapshot.versions[:-1]}
    if not older or draft.service.goal is not Goal.RUN:
        return
    for replica in draft.replicas():
        own = older.get(replica.version)
        if own is not None and replica.alive and (_stays(draft, replica, own) or _not_begun(draft, replica, own)):
            number = draft.snapshot.version.number
            words = f"of version {number} from now on, as what runs there is the same"
            draft.note(replace(replica, version=number), words)


def _stays(draft: Draft, replica: Replica, own: Version) -> bool:
    """What runs there is what the wanted version runs. Of replicas that serve one follows the other where the probe is
    another one, so that a probe that is wrong costs one of them, and the update, but not the service."""
    wanted = draft.snapshot.version
    if own.task_key != wanted.task_key or not _moving(draft):
        return False
    return replica.phase is not Phase.READY or own.target.probe == wanted.target.probe or not on_probation(draft)


def _moving(draft: Draft) -> bool:
    """The update is neither held nor stopped."""
    rollout = draft.service.rollout
    return not draft.service.stopped_reason and (rollout is None or rollout.paused_at is None)


def _not_begun(draft: Draft, replica: Replica, own: Version) -> bool:
    """It waits for its machine, which is the right one, and no replica of its version is added any more."""
    rollout = draft.service.rollout
    rolling_on = _moving(draft) and (rollout is None or rollout.mode is UpdateMode.ROLLING)
    return rolling_on and replica.phase in _NOT_BEGUN and own.machine_key == draft.snapshot.version.machine_key


def advance(draft: Draft) -> None:
    """The update under way goes a step forward, is over, or has failed."""
    rollout = draft.service.rollout
    if rollout is None or draft.service.goal is not Goal.RUN:
        return
    standing = standing_of(draft)
    asleep = rollout.paused_at is not None and standing.wanted == 0  # who holds it says when it goes on
    if standing.exchanged and not asleep and not watching(draft, standing, rollout):
        over = replace(draft.service, rollout=None)
        draft.amend(over, f"the update to version {rollout.version} is complete")
    elif rollout.paused_at is None:
        stopped = bool(draft.service.stopped_reason)  # while it was held, or since that is what a failure comes to
        why = "" if stopped and not standing.settings.automatic_rollback else verdict(draft, standing, rollout)
        if why:
            _abandon(draft, standing, rollout, why)
        elif not stopped:
            _go_forward(draft, standing, rollout)


def _go_forward(draft: Draft, standing: Standing, rollout: Rollout) -> None:
    after = progressed(standing, rollout)
    if after != rollout:
        draft.remember(
            replace(draft.service, rollout=after), "a replica of the new version became available, or lost its machine"
        )
    step = next_step(standing, after)
    if step is not None:
        draft.amend(replace(draft.service, rollout=step.rollout), step.reason)
    ready_at = (standing.available_at(replica) for replica in standing.new)
    draft.wake_all(at for at in ready_at if at is not None)
    draft.wake(step_due_at(standing, after))


def _abandon(draft: Draft, standing: Standing, rollout: Rollout, why: str) -> None:
    """Go back to the version before, or stop launching: as the version that failed asks for it."""
    failed, before = rollout.version, rollout.before
    if not standing.settings.automatic_rollback:
        reason = f"launching stopped: the update to version {failed} failed: {why}"
        draft.abandon(Abandon(failed, None, why, replace(draft.service, stopped_reason=reason), reason))
        return
    service = begin(draft.snapshot, UpdateMode.ROLLING)
    assert service.rollout is not None
    back = replace(service, rollout=replace(service.rollout, before=failed))
    draft.abandon(Abandon(failed, before, why, back, f"version {failed} failed: {why}; back to version {before}"))


def share_out(draft: Draft) -> None:
    """Which versions the wanted replicas are of, and which old ones end."""
    version, rollout = draft.snapshot.version, draft.service.rollout
    if draft.service.goal is not Goal.RUN or (rollout is not None and rollout.version > version.number):
        return  # the version that is gone back to is there from the next pass on
    standing = standing_of(draft)
    division = _division(draft, standing)
    for replica in division.ends:
        draft.move(replica, Cause.OUTDATED, f"version {version.number} takes over")
    missing = max(0, division.new - len(standing.new))
    draft.renewing = frozenset(_renewable(draft)[:missing])
    draft.shares = (Share(version, division.new - len(draft.renewing)),)
    if division.refill is not None and standing.before is not None:
        draft.shares += (Share(standing.before, division.refill),)
        draft.wake(standing.old_failed_at + REFILL_SECONDS)
    if standing.old or rollout is not None:
        rolls = standing.mode is UpdateMode.ROLLING
        draft.surge = surge(standing.settings, standing.mode, standing.wanted) if rolls else standing.wanted


def _division(draft: Draft, standing: Standing) -> Division:
    rollout = standing.rollout
    if any(own.task_key == standing.version.task_key for own in _versions_of(draft, standing.old)):
        staying = sum(not replica.doomed for replica in standing.old)
        new = min(len(standing.new), standing.wanted)  # without extra ones, which are nobody's share
        return Division(max(new, standing.wanted - staying))  # the old ones are about to be new ones
    if rollout is None or (standing.same_task and not standing.old):
        return rolling(standing) if standing.old else Division(standing.wanted)
    if rollout.paused_at is not None or draft.service.stopped_reason:
        return holding(standing, rollout)
    if rollout.mode is UpdateMode.ROLLING or standing.same_task:  # what runs on has nothing beside it
        return rolling(standing)
    return shifting(standing, rollout)


def _versions_of(draft: Draft, replicas: Sequence[Replica]) -> list[Version]:
    numbers = {replica.version for replica in replicas}
    return [version for version in draft.snapshot.versions if version.number in numbers]


def _renewable(draft: Draft) -> list[int]:
    """Replicas that drain for the update's sake, on machines that the wanted version can have."""
    keys = {v.number: v.machine_key for v in draft.snapshot.versions}
    if draft.service.stopped_reason:
        return []
    return [r.id for r in draft.replicas(Phase.DRAINING) if _gives_its_machine(draft, r, keys)]


def _gives_its_machine(draft: Draft, replica: Replica, keys: dict[int, str]) -> bool:
    seen = draft.seen(replica)
    return (
        replica.ended_by is Cause.OUTDATED
        and replica.version != draft.snapshot.version.number
        and keys.get(replica.version) == draft.snapshot.version.machine_key
        and seen.unreachable_since is None
        and (seen.instance is None or seen.instance.doomed_at is None)
    )
