"""A policy of the user's own: a function that is shown what is known, and says how many replicas it wants.

It may be wrong in any way that a function can be. The service goes on with the number that it had, and says why.
"""

from collections.abc import Callable
from typing import TypeGuard

from skyserve.model.snapshot import Snapshot
from skyserve.policy.autoscaling.demand import Demand
from skyserve.policy.autoscaling.window import Seen

LONGEST_WORDS = 200
"""Characters of what a user's error says that are told."""
MOST_REPLICAS = 1_000_000
"""More is taken for a mistake, and could not be told either: Python prints no number of thousands of digits."""


class PolicyFailed(Exception):
    """It gave no answer; the message says why."""


def own_policy(snapshot: Snapshot, name: str) -> Callable[[Seen], Demand]:
    """What asks the function that the wanted version names, as the snapshot has it. Raises PolicyFailed when asked."""

    def ask(seen: Seen) -> Demand:
        if snapshot.own_policy is None:
            raise PolicyFailed(f"{name} is not there")
        try:
            answer = snapshot.own_policy(snapshot, seen)
        except (Exception, SystemExit) as error:  # whatever a user's function raises
            words = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_WORDS]
            raise PolicyFailed(f"{name} failed: {words}") from error
        if isinstance(answer, Demand) and _whole(answer.replicas) and _whole(answer.burst):
            return answer
        if _whole(answer):
            return Demand(answer, f"{name} wants {answer}")
        raise PolicyFailed(f"{name} returned {_told(answer)}: it should be a whole number, 0 or more, or a Demand")

    return ask


def _whole(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= MOST_REPLICAS


def _told(answer: object) -> str:
    try:
        return repr(answer)[:LONGEST_WORDS]
    except Exception:  # a user's own class, or a number that is too long
        return f"some {type(answer).__name__} that cannot be shown"
