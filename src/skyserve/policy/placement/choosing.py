"""Where the next replica goes: the cheapest offer whose place may give it; the least used of equals."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skyserve.model.place import Place
from skyserve.model.replica import Replica
from skyserve.model.resources import Offer, ResourceRequest
from skyserve.model.service import Target
from skyserve.model.snapshot import Snapshot
from skyserve.policy.autoscaling.capacity import cost
from skyserve.policy.lifecycle import MAY_HOLD_MACHINE
from skyserve.policy.placement.resting import rests, tells
from skyserve.policy.wanted import wanted_replicas


@dataclass(frozen=True, slots=True)
class Choice:
    """Where to, and why there; or nowhere, why, and when to look again."""

    offer: Offer | None
    reason: str
    wake_at: float | None = None


class Chooser:
    """Places one replica after the other. What is open is found out once, so that many cost little more than one."""

    def __init__(
        self, snapshot: Snapshot, offers: Sequence[Offer], replicas: Sequence[Replica], used: Iterable[Place]
    ) -> None:
        """`offers`: what is to be chosen from; `replicas`: as this pass leaves them; `used`: places of those that live
        or are about to."""
        self._now, self._offers, self._replicas = snapshot.now, offers, replicas
        target = snapshot.version.target
        self._count = Counter(used)
        self._resting = rests(replicas, wanted_replicas(snapshot.service, target))
        self._dark = dark_places(snapshot, replicas)
        self._open = [o for o in offers if self._rests_until(o) <= self._now and o.place not in self._dark]
        passed_over = len(offers) - len(self._open)
        self._aside = f"; {passed_over} other places rest or do not answer" if passed_over else ""
        self._rank = ranking(target)
        self._cost = {offer: cost(offer, target) for offer in self._open}

    def _rests_until(self, offer: Offer) -> float:
        return self._resting.get((offer.place, offer.spot), 0.0)

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
        if not self._offers:
            return Choice(None, "no enabled infra has a machine that fits the request; see `sky check`")
        waits = [at for o in self._offers if (at := self._rests_until(o)) > self._now]
        told = [r.detail for r in self._replicas if r.detail and tells(r) and self._rests_until(r.offer) > self._now]
        why = told[-1] if told else f"{', '.join(sorted(str(p) for p in self._dark))} does not answer"
        return Choice(None, f"no place has room now: {why}", min(waits, default=None))


def offers_of(snapshot: Snapshot) -> list[Offer]:
    """Those that a replica may take of which no placement policy decides."""
    target = snapshot.version.target
    spot = target.placement is None and any(request.use_spot for request in target.requests)
    return [offer for offer in snapshot.offers if spot or not offer.spot]


def dark_places(snapshot: Snapshot, replicas: Sequence[Replica]) -> frozenset[Place]:
    """Places that do not answer."""
    return snapshot.unreachable | {
        replica.offer.place
        for replica in replicas
        if replica.phase in MAY_HOLD_MACHINE
        and (seen := snapshot.observations.get(replica.id)) is not None
        and seen.unreachable_since is not None
    }


def ranking(target: Target) -> dict[ResourceRequest, int]:
    """The place of each alternative in the user's order; empty if there is none."""
    return {request: position for position, request in enumerate(target.sought)} if target.ordered else {}
