"""How an update stands: which replicas live, of which version, and how many of the new ones count."""

from collections.abc import Iterator
from dataclasses import dataclass

from skyserve.model.replica import Phase, Replica
from skyserve.model.rollout import Rollout, UpdateMode, UpdateSettings
from skyserve.model.service import Version
from skyserve.policy.draft import Draft
from skyserve.policy.lifecycle import FAILURES, TAKEN
from skyserve.policy.rollout.beginning import good, same
from skyserve.policy.wanted import wanted_replicas


@dataclass(frozen=True, slots=True)
class Standing:
    """What the modes decide by. `new`: of the version wanted; `old`: of any other."""

    now: float
    wanted: int
    """Replicas that there should be, of whatever version."""
    full: int
    """Of the version before, while all of it is kept: no more than it asks for itself."""
    version: Version
    before: Version | None
    """The version that an update replaces; None: there is no update, or that version is forgotten."""
    rollout: Rollout | None
    new: tuple[Replica, ...]
    """Those alive, ascending by id, without those that will be taken away."""
    old: tuple[Replica, ...]
    """Those alive, ascending by id."""
    probation: bool
    """Some new replica that was one of the version before has not yet answered the probe of the new one."""
    old_failed_at: float
    """When a replica of the version before last failed; 0: none did that is remembered."""
    taken_at: float
    """As the update's; of rows that are still there."""

    @property
    def settings(self) -> UpdateSettings:
        """Of the version that comes: it says how it wants to be brought in."""
        return self.version.target.update

    @property
    def mode(self) -> UpdateMode:
        """How replicas are exchanged. Without an update there are no old ones, or only leftovers."""
        return self.rollout.mode if self.rollout else UpdateMode.ROLLING

    def available_at(self, replica: Replica) -> float | None:
        """When the replica will have been ready for long enough; None: it is not ready."""
        return None if replica.ready_since is None else replica.ready_since + self.settings.min_ready_seconds

    @property
    def available(self) -> int:
        """New replicas that have been ready for long enough."""
        times = (self.available_at(replica) for replica in self.new)
        return sum(at is not None and at <= self.now for at in times)

    def of_before(self) -> list[Replica]:
        """Old replicas of the version that the update replaces."""
        return [r for r in self.old if self.before is not None and r.version == self.before.number]

    @property
    def deserted(self) -> bool:
        """Of the new replicas that were ready none is left but those that will be taken away."""
        return all(replica.first_ready_at is None for replica in self.new)

    @property
    def can_go_back(self) -> bool:
        """The version before was good, and is another one."""
        return self.before is not None and good(self.before) and not same(self.before, self.version)

    @property
    def exchanged(self) -> bool:
        """Nothing is left to exchange, and enough new ones serve. Where only the service section changed, every replica
        is a new one as it is; where none is wanted there is nothing to wait for."""
        enough = not self.probation if self.same_task else self.available >= self.wanted
        return self.wanted == 0 or (not self.old and enough)

    @property
    def same_task(self) -> bool:
        """The update changes nothing but the service section."""
        return self.before is not None and self.before.task_key == self.version.task_key


def on_probation(draft: Draft) -> bool:
    """Some replica that is one of the wanted version since an update has not yet passed its probe as that version asks
    it, or does not pass it any more."""
    number, rollout = draft.snapshot.version.number, draft.service.rollout
    if rollout is None:
        return False
    were = {r.id for r in draft.snapshot.replicas if r.version == number}
    ours = [r for r in draft.replicas(Phase.READY, Phase.NOT_READY) if r.version == number]
    return any(r.phase is Phase.NOT_READY or r.id not in were or not draft.passes(r) for r in ours)


def standing_of(draft: Draft) -> Standing:
    """As the rows of the draft are now."""
    version, rollout = draft.snapshot.version, draft.service.rollout
    number = rollout.before if rollout else None
    before = next((v for v in draft.snapshot.versions if v.number == number), None)
    alive = [r for r in draft.replicas() if r.alive]
    failed = (r.since for r in draft.replicas() if r.version == number and r.ended_by in FAILURES)
    return Standing(
        now=draft.now,
        wanted=draft.wanted,
        full=min(draft.wanted, wanted_replicas(draft.service, before.target)) if before else draft.wanted,
        version=version,
        before=before,
        rollout=rollout,
        new=tuple(r for r in alive if r.version == version.number and not r.doomed),
        old=tuple(r for r in alive if r.version != version.number),
        probation=on_probation(draft),
        old_failed_at=max(failed, default=0.0),
        taken_at=max((at for r in draft.replicas() if r.version == version.number for at in _taken_at(r)), default=0.0),
    )


def _taken_at(replica: Replica) -> Iterator[float]:
    if replica.ended_by in TAKEN:
        yield replica.since
    if replica.doomed and replica.noticed_at is not None:
        yield replica.noticed_at
