"""What a placement policy is shown: the market of one version, from what this pass knows."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

from skyserve.model.place import Place
from skyserve.model.placement import Memory, Placement, SpotPlacer
from skyserve.model.replica import Phase, Replica
from skyserve.model.resources import Offer
from skyserve.model.service import Target, Version
from skyserve.model.snapshot import Snapshot
from skyserve.policy.autoscaling.capacity import cost
from skyserve.policy.draft import Draft
from skyserve.policy.lifecycle import REFUSALS, TAKEN
from skyserve.policy.placement.choosing import dark_places, ranking
from skyserve.policy.placement.market import Ended, Fate, Held, Market

COLD_START_SECONDS = 120.0
"""From the decision to launch until ready, until a replica of the service has shown it."""
REACTION_SECONDS = 5.0
"""Between what happens to a machine and what is done about it: infras are asked every two seconds, and answer."""


def survey(draft: Draft, version: Version, placed: Sequence[Replica], wanted: int, memory: Memory) -> Market:
    """`placed`: the replicas of the version that live and are the policy's; `wanted`: how many they should be."""
    snapshot, knobs = draft.snapshot.as_if_wanted(version), version.target.placement or Placement()
    return Market(
        wanted=wanted,
        spot=tuple(_spot(snapshot, dark_places(snapshot, draft.replicas()), memory)),
        on_demand=_on_demand(snapshot) if knobs.stand_in else None,
        held=tuple(_held(draft, replica) for replica in placed),
        ended=tuple(_ended(draft.replicas())),
        # What adaptive keeps in addition is insurance for what is wanted; nothing is insured at zero.
        extra=0 if wanted == 0 and knobs.placer is SpotPlacer.ADAPTIVE else knobs.extra,
        cold_start_seconds=memory.cold_start_seconds or COLD_START_SECONDS,
        notice_seconds=memory.notice_seconds or 0.0,
        reaction_seconds=REACTION_SECONDS,
    )


def measured(memory: Memory, placed: Sequence[Replica], rows: Sequence[Replica]) -> Memory:
    """The memory with what the replicas that came or went since the last pass showed of times. The latest count half:
    images grow, and places change their habits."""
    colds = [
        replica.first_ready_at - replica.created_at
        for replica in placed
        if replica.offer.spot and replica.first_ready_at is not None and replica.id not in memory.arrived
    ]
    going = [r for r in placed if r.offer.spot and r.doomed and r.id not in memory.doomed]
    known = memory.counted | memory.doomed
    gone = [r for r in rows if r.offer.spot and r.ended_by in TAKEN and r.id not in known]
    notices = [_notice(replica) for replica in (*going, *gone)]
    cold, told = memory.cold_start_seconds, memory.notice_seconds
    if colds:
        cold = fmean(colds) if cold is None else (cold + fmean(colds)) / 2
    if notices:
        told = min(notices)
    return replace(memory, cold_start_seconds=cold, notice_seconds=told)


def _notice(replica: Replica) -> float:
    if replica.noticed_at is None or replica.doomed_at is None:
        return 0.0
    return max(0.0, replica.doomed_at - replica.noticed_at)


def spot_offers(snapshot: Snapshot) -> list[Offer]:
    """The best at each place that sells spot machines."""
    best: dict[str, Offer] = {}
    for offer in sorted((o for o in snapshot.offers if o.spot), key=_preference(snapshot.version.target)):
        best.setdefault(offer.place.key, offer)
    return [best[key] for key in sorted(best)]


def _preference(target: Target) -> Callable[[Offer], tuple[int, tuple[float, float], Place, str]]:
    """Sorts offers: by the user's order if there is one, then by cost, each accelerator for what it can take."""
    rank = ranking(target)
    return lambda offer: (rank.get(offer.request, 0), cost(offer, target), offer.place, offer.machine)


def _spot(snapshot: Snapshot, dark: frozenset[Place], memory: Memory) -> list[Offer]:
    """Those at places that answer; where the user has an order, of the first alternative that some place may give."""
    offers = [offer for offer in spot_offers(snapshot) if offer.place not in dark]
    rank = ranking(snapshot.version.target)
    awake = [rank.get(o.request, 0) for o in offers if memory.of(o.place).rests_until <= snapshot.now]
    return [offer for offer in offers if not awake or rank.get(offer.request, 0) <= min(awake)]


def _on_demand(snapshot: Snapshot) -> Offer | None:
    offers = (offer for offer in snapshot.offers if not offer.spot)
    return min(offers, key=_preference(snapshot.version.target), default=None)


def _held(draft: Draft, replica: Replica) -> Held:
    backend = draft.seen(replica).backend
    ready, accepted = replica.phase is Phase.READY, replica.instance is not None
    return Held(replica.id, replica.offer, ready, accepted, replica.doomed, backend.in_flight if backend else 0)


def _ended(rows: Sequence[Replica]) -> list[Ended]:
    """Spot replicas, of any version, whose end tells of their place."""
    fates = {**dict.fromkeys(TAKEN, Fate.LOST), **dict.fromkeys(REFUSALS, Fate.REFUSED)}
    return [
        Ended(replica.id, replica.offer.place, fates[replica.ended_by])
        for replica in rows
        if replica.offer.spot and replica.ended_by in fates
    ]
