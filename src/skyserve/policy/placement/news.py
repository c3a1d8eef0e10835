"""What happened since the last pass: each end, arrival and notice once, however often it is shown."""

from dataclasses import dataclass, replace

from skyserve.model.place import Place
from skyserve.model.placement import Memory
from skyserve.policy.placement.market import Fate, Market


@dataclass(frozen=True, slots=True)
class News:
    """Places by what happened there, in the order of the replicas' ids."""

    refused: tuple[Place, ...]
    lost: tuple[Place, ...]
    """Also those that gave notice; a loss that was announced is not told again."""
    arrived: tuple[Place, ...]
    memory: Memory
    """That this is known."""


def news(market: Market, memory: Memory) -> News:
    """Compare what is shown with what is known."""
    fresh = [e for e in market.ended if e.id not in memory.counted]
    announced = [h for h in market.spots if h.doomed and h.id not in memory.doomed]
    arrived = [h for h in market.spots if h.ready and h.id not in memory.arrived]
    if not (fresh or announced or arrived or len(memory.counted) > len(market.ended)):
        return News((), (), (), memory)
    lost = [e.place for e in fresh if e.fate is Fate.LOST and e.id not in memory.doomed]
    known = replace(
        memory,
        counted=frozenset(e.id for e in market.ended),
        arrived=frozenset(h.id for h in market.spots if h.ready),
        doomed=frozenset(h.id for h in market.spots if h.doomed),
    )
    return News(
        refused=tuple(e.place for e in fresh if e.fate is Fate.REFUSED),
        lost=(*lost, *(h.offer.place for h in announced)),
        arrived=tuple(h.offer.place for h in arrived),
        memory=known,
    )
