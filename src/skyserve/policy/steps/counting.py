"""As many replicas of each version as it is to have, and none of a service that goes down."""

from skyserve.model.replica import Cause
from skyserve.model.service import Goal
from skyserve.policy.draft import Draft
from skyserve.policy.lifecycle import ENDING
from skyserve.policy.staffing import staff


def stop_all(draft: Draft) -> None:
    """A service that is to go down stops every replica; one that drains already keeps draining."""
    if draft.service.goal is Goal.RUN:
        return
    for replica in draft.replicas():
        if replica.phase not in ENDING:
            draft.move(replica, Cause.SERVICE_DOWN, "the service goes down")


def keep_count(draft: Draft) -> None:
    """Have as many replicas of each version as it has a share in, where there is room."""
    for share in draft.shares:
        staff(draft, share)
