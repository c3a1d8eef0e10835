"""What a mode of updating decides in one pass."""

from collections.abc import Iterable
from dataclasses import dataclass

from skyserve.model.replica import Phase, Replica

REFILL_SECONDS = 60.0
"""A replica of the version before that failed is not replaced sooner: the update may be what mends it."""

_LEAST_READY_FIRST = (Phase.PENDING, Phase.PROVISIONING, Phase.STARTING, Phase.NOT_READY, Phase.READY)


@dataclass(frozen=True, slots=True)
class Division:
    """How the replicas are shared out between the versions."""

    new: int
    """Replicas that there should be of the version that comes."""
    ends: tuple[Replica, ...] = ()
    """Old replicas that end now."""
    refill: int | None = None
    """Replicas that there should be of the version before; None: none is added, and none but `ends` goes."""


def first_to_go(replicas: Iterable[Replica], before: int) -> list[Replica]:
    """What is least ready first; of equals what will be taken away, then what is of a version that is not to be gone
    back to, then the youngest."""
    return sorted(replicas, key=lambda r: (_LEAST_READY_FIRST.index(r.phase), not r.doomed, r.version == before, -r.id))
