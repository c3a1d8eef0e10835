"""How long a place is not asked for another machine after it refused one, or lost one again and again.

Told from the rows of the replicas that ended there, for machines that nobody takes back; what is learned of places with
spot machines goes further, and is kept in `Memory`. A first loss costs no waiting, so that a replica that was killed is
replaced at once; a place that loses whatever is put there is left alone twice as long after each round.
"""

from collections import defaultdict
from collections.abc import Sequence

from skyserve.model.place import Place
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.policy.lifecycle import TAKEN
from skyserve.policy.pacing import BASE_SECONDS, CAP_SECONDS

REFUSAL_SECONDS: dict[Cause, float] = {
    Cause.NO_CAPACITY: 20.0,  # room is made whenever somebody leaves
    Cause.PLACE_FAILED: 20.0,  # its calls fail for a while
    Cause.QUOTA_EXCEEDED: 300.0,  # raised by people
    Cause.UNAUTHORIZED: 300.0,  # mended by people
}
"""How long a place is not asked again, by what it said."""

LOSS_SECONDS = 600.0
"""How long the loss of a machine counts against its place. Waits of 2, 4, ... 256 s add up to it, as a rule."""

Shelf = tuple[Place, bool]
"""A place, and whether its spot machines are meant: room for one kind says nothing of the other."""


def tells(replica: Replica) -> bool:
    """Whether its end is held against its place."""
    return replica.ended_by in REFUSAL_SECONDS or replica.ended_by in TAKEN


def rests(replicas: Sequence[Replica], wanted: int) -> dict[Shelf, float]:
    """Until when each place rests that does."""
    resting: dict[Shelf, float] = defaultdict(float)
    lost: dict[Shelf, list[float]] = defaultdict(list)
    for replica in replicas:
        shelf = replica.offer.place, replica.offer.spot
        if replica.ended_by in REFUSAL_SECONDS:
            resting[shelf] = max(resting[shelf], replica.since + REFUSAL_SECONDS[replica.ended_by])
        elif replica.ended_by in TAKEN:
            lost[shelf].append(replica.since)
    for shelf, times in lost.items():
        if past := (len(times) - 1) // max(1, wanted):
            wait = min(CAP_SECONDS, BASE_SECONDS * 2.0 ** min(past - 1, 30))
            resting[shelf] = max(resting[shelf], max(times) + wait)
    return resting


def counts_until(replica: Replica) -> float:
    """Until when the end of this replica says something about its place; 0 if it does not."""
    if replica.phase is not Phase.GONE or replica.ended_by is None:
        return 0.0
    if replica.ended_by in TAKEN:
        return 0.0 if replica.offer.spot else replica.since + LOSS_SECONDS
    seconds = REFUSAL_SECONDS.get(replica.ended_by)
    return 0.0 if seconds is None else replica.since + seconds
