"""Where the next replica goes: the cheapest offer whose place may give it; the least used of equals."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skyserve.model.place import Place
from skyserve.model.replica import Replica
from skyserve.model.resources import Offer
from skyserve.model.snapshot import Snapshot
from skyserve.policy.lifecycle import MAY_HOLD_MACHINE
from skyserve.policy.pacing import resting_place


@dataclass(frozen=True, slots=True)
class Choice:
    """Where to, and why there; or nowhere, why, and when to look again."""

    offer: Offer | None
    reason: str
    wake_at: float | None = None


def choose(snapshot: Snapshot, replicas: Sequence[Replica], used: Iterable[Place]) -> Choice:
    """Pick the offer for one more replica. `replicas`: as this pass leaves them; `used`: places of those that live or
    are about to."""
    if not snapshot.offers:
        return Choice(None, "no enabled infra has a machine that fits the request; see `sky check`")
    resting = _resting(replicas)
    dark = {
        replica.offer.place
        for replica in replicas
        if replica.phase in MAY_HOLD_MACHINE
        and (seen := snapshot.observations.get(replica.id)) is not None
        and seen.unreachable_since is not None
    }
    dark |= snapshot.unreachable
    open_offers = [
        offer for offer in snapshot.offers if resting.get(offer.place, 0.0) <= snapshot.now and offer.place not in dark
    ]
    if not open_offers:
        return _nowhere(snapshot, replicas, resting, dark)
    count = Counter(used)
    rank = _ranking(snapshot.version.target.requests) if snapshot.version.target.ordered else {}
    best = min(open_offers, key=lambda o: (rank.get(o.request, 0), o.hourly_usd, count[o.place], o.place))
    price = f" at {best.hourly_usd:.2f} USD an hour" if best.hourly_usd else ""
    passed_over = (
        f"; {len(snapshot.offers) - len(open_offers)} other places rest or do not answer"
        if (len(open_offers) < len(snapshot.offers))
        else ""
    )
    return Choice(best, f"{best.place}{price}{passed_over}")


def _ranking(requests: Sequence[object]) -> dict[object, int]:
    return {request: position for position, request in enumerate(requests)}


def _resting(replicas: Sequence[Replica]) -> dict[Place, float]:
    resting: dict[Place, float] = {}
    for replica in replicas:
        place = replica.offer.place
        resting[place] = max(resting.get(place, 0.0), resting_place(replica))
    return resting


def _nowhere(
    snapshot: Snapshot, replicas: Sequence[Replica], resting: dict[Place, float], dark: set[Place] | frozenset[Place]
) -> Choice:
    waits = [resting[o.place] for o in snapshot.offers if resting.get(o.place, 0.0) > snapshot.now]
    told = [r.detail for r in replicas if r.detail and resting_place(r) > snapshot.now]
    why = told[-1] if told else f"{', '.join(sorted(str(p) for p in dark))} does not answer"
    return Choice(None, f"no place has room now: {why}", min(waits, default=None))
