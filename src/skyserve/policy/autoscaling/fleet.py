"""What carries the load now and what could be added, as policies see it."""

from collections.abc import Iterable
from dataclasses import dataclass

from skyserve.model.replica import Phase, Replica
from skyserve.model.resources import Offer
from skyserve.model.service import Target
from skyserve.policy.autoscaling.capacity import capacity, cost, worth


@dataclass(frozen=True, slots=True)
class Fleet:
    """Each number is what one replica can take, in requests a second where the user said so, else 1."""

    living: tuple[float, ...] = ()
    """Replicas that are there or come up; the first to go is the last."""
    offers: tuple[float, ...] = ()
    """What could be added, the first choice first."""
    ready: int = 0
    """Replicas that answer requests."""


NOTHING = Fleet()
"""No replica, and no place for one."""


def fleet_of(replicas: Iterable[Replica], offers: Iterable[Offer], target: Target) -> Fleet:
    """Of the replicas those that count towards the number wanted."""
    alive = [r for r in replicas if r.alive]
    going = sorted(alive, key=lambda r: (r.phase is Phase.READY, worth(r, target)))
    return Fleet(
        tuple(capacity(r.offer, target) for r in reversed(going)),
        tuple(capacity(o, target) for o in sorted(offers, key=lambda o: cost(o, target))),
        sum(r.phase is Phase.READY for r in alive),
    )
