"""Where the next replica goes: the cheapest offer whose place may give it; the least used of equals."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skyserve.model.place import Place
from skyserve.model.replica import Replica
from skyserve.model.resources import Offer
from skyserve.model.snapshot import Snapshot
from skyserve.policy.autoscaling.capacity import cost
from skyserve.policy.lifecycle import MAY_HOLD_MACHINE
from skyserve.policy.pacing import resting_place


@dataclass(frozen=True, slots=True)
class Choice:
    """Where to, and why there; or nowhere, why, and when to look again."""

    offer: Offer | None
    reason: str
    wake_at: float | None = None


class Chooser:
    """Places one replica after the other. What is open is found out once, so that many cost little more than one."""

    def __init__(self, snapshot: Snapshot, replicas: Sequence[Replica], used: Iterable[Place]) -> None:
        """`replicas`: as this pass leaves them; `used`: places of those that live or are about to."""
        self._snapshot, self._replicas = snapshot, replicas
        self._count = Counter(used)
        self._resting = _resting(replicas)
        self._dark = _dark(snapshot, replicas)
        self._open = [
            offer
            for offer in snapshot.offers
            if self._resting.get(offer.place, 0.0) <= snapshot.now and offer.place not in self._dark
        ]
        passed_over = len(snapshot.offers) - len(self._open)
        self._aside = f"; {passed_over} other places rest or do not answer" if passed_over else ""
        target = snapshot.version.target
        self._rank = _ranking(target.requests) if target.ordered else {}
        self._cost = {offer: cost(offer, target) for offer in self._open}

    def choose(self) -> Choice:
        """Pick the offer for one more replica, which counts as living there from now on."""
        if not self._open:
            return self._nowhere()
        best = min(self._open, key=self._order)
        self._count[best.place] += 1
        price = f" at {best.hourly_usd:.2f} USD an hour" if best.hourly_usd else ""
        return Choice(best, f"{best.place}{price}{self._aside}")

    def _order(self, offer: Offer) -> tuple[int, tuple[float, float], int, Place]:
        return self._rank.get(offer.request, 0), self._cost[offer], self._count[offer.place], offer.place

    def _nowhere(self) -> Choice:
        now, offers = self._snapshot.now, self._snapshot.offers
        if not offers:
            return Choice(None, "no enabled infra has a machine that fits the request; see `sky check`")
        waits = [self._resting[o.place] for o in offers if self._resting.get(o.place, 0.0) > now]
        told = [r.detail for r in self._replicas if r.detail and resting_place(r) > now]
        why = told[-1] if told else f"{', '.join(sorted(str(p) for p in self._dark))} does not answer"
        return Choice(None, f"no place has room now: {why}", min(waits, default=None))


def choose(snapshot: Snapshot, replicas: Sequence[Replica], used: Iterable[Place]) -> Choice:
    """Pick the offer for one more replica."""
    return Chooser(snapshot, replicas, used).choose()


def _dark(snapshot: Snapshot, replicas: Sequence[Replica]) -> frozenset[Place]:
    """Places that do not answer."""
    return snapshot.unreachable | {
        replica.offer.place
        for replica in replicas
        if replica.phase in MAY_HOLD_MACHINE
        and (seen := snapshot.observations.get(replica.id)) is not None
        and seen.unreachable_since is not None
    }


def _ranking(requests: Sequence[object]) -> dict[object, int]:
    return {request: position for position, request in enumerate(requests)}


def _resting(replicas: Sequence[Replica]) -> dict[Place, float]:
    resting: dict[Place, float] = {}
    for replica in replicas:
        place = replica.offer.place
        resting[place] = max(resting.get(place, 0.0), resting_place(replica))
    return resting
