"""A policy of the user's own: a function that is shown what is known, and says how many replicas it wants.

It may be wrong in any way that a function can be. The service goes on with the number that it had, and says why.
"""

from collections.abc import Callable

from skyserve.model.snapshot import Snapshot
from skyserve.policy.autoscaling.demand import Demand
from skyserve.policy.autoscaling.window import Seen

LONGEST_WORDS = 200
"""Characters of what a user's error says that are told."""


class PolicyFailed(Exception):
    """It gave no answer; the message says why."""


def own_policy(snapshot: Snapshot, name: str) -> Callable[[Seen], Demand]:
    """What asks the function that the wanted version names, as the snapshot has it. Raises PolicyFailed when asked."""

    def ask(seen: Seen) -> Demand:
        if snapshot.own_policy is None:
            raise PolicyFailed(f"{name} is not there")
        try:
            answer = snapshot.own_policy(snapshot, seen)
        except Exception as error:  # whatever a user's function raises
            words = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_WORDS]
            raise PolicyFailed(f"{name} failed: {words}") from error
        demand = answer if isinstance(answer, Demand) else Demand(answer, f"{name} wants {answer}")  # type: ignore[arg-type]
        if _whole(demand.replicas) and _whole(demand.burst):
            return demand
        told = repr(answer)[:LONGEST_WORDS]
        raise PolicyFailed(f"{name} returned {told}: it should be a whole number, 0 or more, or a Demand")

    return ask


def _whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0
