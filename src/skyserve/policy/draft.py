"""A plan in the making: what one step decides, the next one sees."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter

from skyserve.model.key import Key
from skyserve.model.plan import Abandon, Action, Amend, Move, Note, Remember
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.service import Service, Target, Version
from skyserve.model.snapshot import Observation, Snapshot
from skyserve.policy.lifecycle import FAILURES, move, renew
from skyserve.policy.pacing import count_failure
from skyserve.policy.rollout.tallies import without
from skyserve.policy.schedule import at_this_hour
from skyserve.policy.wanted import wanted_replicas

_UNSEEN = Observation()
_BY_ID = attrgetter("id")


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the wanted replicas are to be of one version."""

    version: Version
    wanted: int


class Draft:
    """The snapshot, the rows as they will be, and the actions so far."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot = at_this_hour(snapshot)
        self.now = snapshot.now
        self.service: Service = snapshot.service
        self.actions: list[Action] = []
        self.shares: tuple[Share, ...] = ()
        """Of each version that replicas are to be kept of."""
        self.surge = 0
        """Machines that an update may hold beyond those that the number of replicas calls for."""
        self.renewing: frozenset[int] = frozenset()
        """Draining replicas whose machines the wanted version gets."""
        self.keys: tuple[Key, ...] = snapshot.keys
        """With what has been done with them by now."""
        self.wake_at: float | None = None
        self.target: Target = snapshot.version.target
        """Of the version wanted."""
        self._targets = {version.number: version.target for version in snapshot.versions}
        self._replicas: dict[int, Replica] = {replica.id: replica for replica in snapshot.replicas}
        self._by_phase: dict[Phase, list[Replica]] | None = None
        """What `replicas` gives, until one of them changes: most passes change few of many, or none."""

    @property
    def wanted(self) -> int:
        """Replicas that there should be."""
        return wanted_replicas(self.service, self.target)

    def target_of(self, replica: Replica) -> Target:
        """Of the replica's own version; the wanted one's if that version is forgotten."""
        return self._targets.get(replica.version, self.target)

    def replicas(self, *phases: Phase) -> list[Replica]:
        """Those in these phases now, ascending by id; all if none is named."""
        if not phases:
            return list(self._replicas.values())
        if self._by_phase is None:
            self._by_phase = {}
            for replica in self._replicas.values():
                self._by_phase.setdefault(replica.phase, []).append(replica)
        found = [self._by_phase[phase] for phase in phases if phase in self._by_phase]
        return found[0][:] if len(found) == 1 else sorted(chain(*found), key=_BY_ID)

    def _put(self, replica: Replica) -> None:
        self._replicas[replica.id] = replica
        self._by_phase = None

    def seen(self, replica: Replica) -> Observation:
        """What the world showed of it."""
        return self.snapshot.observations.get(replica.id, _UNSEEN)

    def passes(self, replica: Replica) -> bool:
        """Its probe has passed often enough to be ready."""
        return self.seen(replica).probe.passes >= self.target_of(replica).probe.rise

    def do(self, action: Action) -> None:
        """Add an action."""
        self.actions.append(action)

    def move(self, replica: Replica, cause: Cause, reason: str) -> None:
        """Let a replica change its phase; a failure of the wanted version counts against the budget."""
        moved = move(replica, cause, self.now, reason)
        self._put(moved)
        self.actions.append(Move(moved, cause, reason))
        if cause in FAILURES and replica.version == self.snapshot.version.number:
            self.service = count_failure(self.service, self.now)

    def leave(self, replica: Replica, reason: str) -> None:
        """Let a drained replica go, or the wanted version begin on its machine. What it answered as an old one while an
        update is under way is kept: its endpoint forgets it."""
        rollout, backend = self.service.rollout, self.seen(replica).backend
        if rollout is not None and backend is not None and replica.version != rollout.version:
            self.remember(replace(self.service, rollout=without(rollout, replica.id, backend)), reason)
        if replica.id in self.renewing:
            version = self.snapshot.version.number
            renewed, reason = renew(replica, version, self.now), f"{reason}: version {version} begins on its machine"
            self._put(renewed)
            self.actions.append(Move(renewed, Cause.RENEWED, reason))
        else:
            self.move(replica, Cause.DRAINED, reason)

    def abandon(self, action: Abandon) -> None:
        """Give the update under way up."""
        self.service = action.service
        self.actions.append(action)

    def note(self, replica: Replica, reason: str) -> None:
        """Record facts about a replica that stays in its phase."""
        news = reason != self._replicas[replica.id].detail
        self._put(replica)
        self.actions.append(Note(replica, reason, news))

    def amend(self, service: Service, reason: str) -> None:
        """Record facts about the service."""
        self.service = service
        self.actions.append(Amend(service, reason))

    def remember(self, service: Service, reason: str) -> None:
        """Record what a later decision needs to know about the service, without telling people."""
        self.service = service
        self.actions.append(Remember(service, reason))

    def forget(self, replica: Replica) -> None:
        """Leave a replica out of what later steps see."""
        del self._replicas[replica.id]
        self._by_phase = None

    def wake(self, at: float | None) -> None:
        """Look again no later than then."""
        if at is not None and at > self.now:
            self.wake_at = at if self.wake_at is None else min(self.wake_at, at)

    def wake_all(self, times: Iterable[float]) -> None:
        """Look again no later than the first of these that lies ahead."""
        for at in times:
            self.wake(at)
