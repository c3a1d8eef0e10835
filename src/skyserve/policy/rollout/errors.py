"""Whether the new version answers worse than the old one, by what the endpoint counted of both.

Each share of errors is known as well as its number of requests allows: as an interval (E. B. Wilson, "Probable
Inference, the Law of Succession, and Statistical Inference", Journal of the American Statistical Association 22, 1927).
The new version is worse where the whole of its interval lies above the whole of the old one's. What was answered by a
replica whose machine was taken away counts for neither: requests that were under way there failed for that.
"""

from math import sqrt

from skyserve.model.rollout import Rollout
from skyserve.policy.draft import Draft
from skyserve.policy.lifecycle import LOSSES
from skyserve.policy.rollout.tallies import Count, since

LEAST_ERRORS = 5
"""Fewer prove nothing, whatever the share."""
Z = 3.0
"""Standard deviations to either side. More than is usual for one comparison, since this one is made every second."""


def interval(count: Count) -> tuple[float, float]:
    """Between which the true share of errors lies."""
    if count.answered == 0:
        return 0.0, 1.0
    n, share = count.answered, count.errors / count.answered
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def worse(new: Count, old: Count) -> str:
    """Why the new version is worse, in words; empty if it is not, or not for sure."""
    if new.errors < LEAST_ERRORS or interval(new)[0] <= interval(old)[1]:
        return ""
    return f"{new.errors} of {new.answered} requests failed, before: {old.errors} of {old.answered}"


def counts(draft: Draft, rollout: Rollout) -> tuple[Count, Count]:
    """(new version, all others), since the update began."""
    began = {tally.replica_id: tally for tally in rollout.baseline}
    new, old = Count(), Count(rollout.gone_answered, rollout.gone_errors)
    for replica in draft.replicas():
        backend = draft.seen(replica).backend
        if backend is None or replica.ended_by in LOSSES:
            continue
        found = since(began.get(replica.id), backend)
        if replica.version == rollout.version:
            new = new.plus(found)
        else:
            old = old.plus(found)
    return new, old
