"""As many replicas of one version as there should be: create what is missing where there is room, end what is too much.

A replica whose machine will be taken away serves on, but does not count: another one is to take over in time.
"""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice

from skyserve.model.plan import Create
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.policy.draft import Draft, Share
from skyserve.policy.pacing import may_launch_at, rounds
from skyserve.policy.placement import Chooser
from skyserve.policy.placement.choosing import offers_of
from skyserve.policy.placement.market import Placing
from skyserve.policy.spot import place_spot, remember_placement
from skyserve.policy.steps.observing import UNREACHABLE_SECONDS
from skyserve.policy.victims import victims
from skyserve.policy.wanted import most_replicas


def staff(draft: Draft, share: Share) -> None:
    """Create what is missing of the share, end what is too much."""
    alive = [r for r in draft.replicas() if r.alive and r.version == share.version.number]
    kept = [r for r in alive if not r.doomed]
    if share.version.target.placement is None:
        _keep(draft, share, kept)
    else:
        placed = place_spot(draft, share, alive)
        made = _launch(draft, share, len(kept), placed.due) if placed.due else 0
        remember_placement(draft, share, placed, complete=made == len(placed.due))
    _relieve(draft, share)


def _keep(draft: Draft, share: Share, kept: list[Replica]) -> None:
    missing = share.wanted - len(kept)
    for replica in victims(draft, kept, -missing):
        draft.move(replica, Cause.SCALED_DOWN, f"{len(kept)} replicas where {share.wanted} are wanted")
    if missing > 0:
        _launch(draft, share, len(kept), islice(_choices(draft, share, kept), missing))


def _choices(draft: Draft, share: Share, kept: list[Replica]) -> Iterator[Placing]:
    """The best place for one replica after the other, as long as one has room."""
    snapshot = draft.snapshot.as_if_wanted(share.version)
    chooser = Chooser(snapshot, offers_of(snapshot), draft.replicas(), (r.offer.place for r in kept))
    while True:
        choice = chooser.choose()
        draft.wake(choice.wake_at)
        if choice.offer is None:
            return
        yield Placing(choice.offer, f"to {choice.reason}")


def _launch(draft: Draft, share: Share, held: int, due: Iterable[Placing]) -> int:
    """Create what is due, as far as there is room, unless launching waits or has stopped. Returns how many."""
    why = f"{held} of {share.wanted} replicas"
    if share.version.number == draft.snapshot.version.number:  # its failures hold back no other version
        at = may_launch_at(draft.service, draft.target, draft.replicas())
        if at > draft.now or draft.service.stopped_reason:
            draft.wake(at)
            return 0
        if past := rounds(draft.service, draft.target, draft.replicas()):
            why += f"; round {past + 1} after failures"
    made = 0
    for placing in islice(due, _room(draft)):
        draft.do(Create(share.version.number, placing.offer, f"{why}: {placing.reason}"))
        made += 1
    return made


def _room(draft: Draft) -> int:
    """How many replicas may be added to those that hold a machine, or are about to, of whatever version. One that its
    place cannot tell of counts as long as it is wanted: the machine of an ended one may be gone, and nothing here could
    end it. One that will be taken away does not count: its going is sure, and another must come before."""
    most = most_replicas(draft.target)
    if most is None:
        return sys.maxsize
    held = [r for r in draft.replicas() if r.phase is not Phase.GONE and not r.doomed]
    coming = sum(isinstance(action, Create) for action in draft.actions)
    return max(0, most + draft.surge - coming - sum(r.alive or not _lost_sight_of(draft, r) for r in held))


def _lost_sight_of(draft: Draft, replica: Replica) -> bool:
    """For a while; that a place does not answer once is nothing."""
    since = draft.seen(replica).unreachable_since
    return since is not None and draft.now - since >= UNREACHABLE_SECONDS


def _relieve(draft: Draft, share: Share) -> None:
    """Replicas that will be taken away drain once enough others are ready."""
    serving = [r for r in draft.replicas(Phase.READY) if r.version == share.version.number]
    doomed = [r for r in serving if r.doomed]
    if len(serving) - len(doomed) >= share.wanted:
        for replica in doomed:
            draft.move(replica, Cause.PREEMPTION_NOTICE, f"{len(serving) - len(doomed)} others are ready in its place")
