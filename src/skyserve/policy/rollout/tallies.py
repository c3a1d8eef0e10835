"""What a replica's endpoint counted, taken since the update began.

An endpoint counts anew what is new to it, and forgets what is gone. So a replica that was restarted has no tally any
more, and what an old one answered is added up when it goes.
"""

from dataclasses import replace
from typing import NamedTuple

from skyserve.model.rollout import Rollout, Tally
from skyserve.model.route import BackendStatus


class Count(NamedTuple):
    """Requests answered, and how many of them failed."""

    answered: int = 0
    errors: int = 0

    def plus(self, other: "Count") -> "Count":
        """Both together."""
        return Count(self.answered + other.answered, self.errors + other.errors)


def since(began: Tally | None, backend: BackendStatus) -> Count:
    """What it answered since it had answered `began`; all of it where the endpoint has begun to count anew, since
    counts do not shrink."""
    so_far = Count(backend.answered, backend.errors)
    if began is None:
        return so_far
    grown = Count(so_far.answered - began.answered, so_far.errors - began.errors)
    return grown if 0 <= grown.errors <= grown.answered else so_far


def without(rollout: Rollout, replica_id: int, backend: BackendStatus) -> Rollout:
    """The update once an old replica is gone, or is an old one no more."""
    began = next((tally for tally in rollout.baseline if tally.replica_id == replica_id), None)
    answered, errors = since(began, backend)
    return replace(
        rollout,
        baseline=tuple(tally for tally in rollout.baseline if tally is not began),
        gone_answered=rollout.gone_answered + answered,
        gone_errors=rollout.gone_errors + errors,
    )
