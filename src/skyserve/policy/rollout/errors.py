"""Whether the new version answers worse than the old one, by what the endpoint counted of both.

Each share of errors is known as well as its number of requests allows: as an interval (E. B. Wilson, "Probable
Inference, the Law of Succession, and Statistical Inference", Journal of the American Statistical Association 22, 1927).
The new version is worse where the whole of its interval lies above the whole of the old one's.
"""

from math import sqrt
from typing import NamedTuple

from skyserve.model.rollout import Rollout
from skyserve.policy.draft import Draft

LEAST_ERRORS = 5
"""Fewer prove nothing, whatever the share."""
Z = 3.0
"""Standard deviations to either side. More than is usual for one comparison, since this one is made every second."""


class Count(NamedTuple):
    """Requests to the replicas of a version since the update began."""

    answered: int = 0
    errors: int = 0

    def interval(self) -> tuple[float, float]:
        """Between which the true share of errors lies."""
        if self.answered == 0:
            return 0.0, 1.0
        n, share = self.answered, self.errors / self.answered
        middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


def worse(new: Count, old: Count) -> str:
    """Why the new version is worse, in words; empty if it is not, or not for sure."""
    if new.errors < LEAST_ERRORS or new.interval()[0] <= old.interval()[1]:
        return ""
    return f"{new.errors} of {new.answered} requests failed, before: {old.errors} of {old.answered}"


def counts(draft: Draft, rollout: Rollout) -> tuple[Count, Count]:
    """(new version, all others)."""
    began = {tally.replica_id: tally for tally in rollout.baseline}
    sums = {True: Count(), False: Count()}
    for replica in draft.replicas():
        backend = draft.seen(replica).backend
        if backend is None:
            continue
        tally, of_new = began.get(replica.id), replica.version == rollout.version
        answered, errors = backend.answered, backend.errors
        if tally is not None and answered >= tally.answered:  # else the endpoint has begun to count anew
            answered, errors = answered - tally.answered, max(0, errors - tally.errors)
        so_far = sums[of_new]
        sums[of_new] = Count(so_far.answered + answered, so_far.errors + errors)
    return sums[True], sums[False]
