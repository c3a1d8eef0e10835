"""How an update begins, is held and goes on, and what a rollback goes back to."""

from dataclasses import replace

from skyserve.model.replica import Phase
from skyserve.model.rollout import Rollout, Tally, UpdateMode
from skyserve.model.service import Service, Version
from skyserve.model.snapshot import Snapshot


def begin(snapshot: Snapshot, mode: UpdateMode) -> Service:
    """The service once a version is added to those of the snapshot: it has an update under way, and a clean record.

    What an update that is under way already would go back to stays the same. Where nothing serves, there is nothing to
    compare with or to spare, so that the new version takes over at once.
    """
    service = snapshot.service
    serves = any(r.phase in (Phase.READY, Phase.NOT_READY) for r in snapshot.replicas)
    rollout = Rollout(
        version=snapshot.version.number + 1,
        before=service.rollout.before if service.rollout else snapshot.version.number,
        mode=mode if serves else UpdateMode.ROLLING,
        began_at=snapshot.now,
        progressed_at=snapshot.now,
        baseline=tuple(
            Tally(replica_id, seen.backend.answered, seen.backend.errors)
            for replica_id, seen in sorted(snapshot.observations.items())
            if seen.backend is not None
        ),
    )
    return replace(service, rollout=rollout, failure_streak=0, last_failure_at=0.0, stopped_reason="")


def hold(snapshot: Snapshot, rollout: Rollout) -> Rollout:
    """The update, held where it stands."""
    coming = sum(r.alive for r in snapshot.replicas if r.version == rollout.version)
    return replace(rollout, paused_at=snapshot.now, held=coming)


def go_on(rollout: Rollout, now: float) -> Rollout:
    """The update, no longer held. The time for which it was does not count against any deadline."""
    if rollout.paused_at is None:
        return rollout
    away = max(0.0, now - rollout.paused_at)
    since = None if rollout.step_since is None else rollout.step_since + away
    progressed_at = rollout.progressed_at + away
    return replace(rollout, paused_at=None, held=None, progressed_at=progressed_at, step_since=since)


def good(version: Version) -> bool:
    """It was ready once, and nothing speaks against it."""
    return version.ever_ready and not version.outcome


def version_before(snapshot: Snapshot) -> Version | None:
    """What a rollback goes back to if the user names no version: the one that an update under way replaces, else the
    last good one that was anything else than the present one. None: there is none."""
    present, rollout = snapshot.version, snapshot.service.rollout
    if rollout is not None:
        return next((v for v in snapshot.versions if v.number == rollout.before), None)
    earlier = [v for v in snapshot.versions[:-1] if good(v) and not same(v, present)]
    return earlier[-1] if earlier else None


def same(one: Version, other: Version) -> bool:
    """They differ in nothing."""
    return one.task_key == other.task_key and one.target == other.target
