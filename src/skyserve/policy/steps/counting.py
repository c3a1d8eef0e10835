"""How many replicas there should be of each version, and what is done about it."""

from skyserve.model.replica import Cause
from skyserve.model.service import Goal
from skyserve.policy.draft import Draft, Share
from skyserve.policy.lifecycle import ENDING
from skyserve.policy.staffing import staff


def stop_all(draft: Draft) -> None:
    """A service that is to go down stops every replica; one that drains already keeps draining."""
    if draft.service.goal is Goal.RUN:
        return
    for replica in draft.replicas():
        if replica.phase not in ENDING:
            draft.move(replica, Cause.SERVICE_DOWN, "the service goes down")


def share_out(draft: Draft) -> None:
    """Which versions the wanted replicas are of."""
    if draft.service.goal is Goal.RUN:
        draft.shares = (Share(draft.snapshot.version, draft.wanted),)


def keep_count(draft: Draft) -> None:
    """Have as many replicas of each version as it has a share in, where there is room."""
    for share in draft.shares:
        staff(draft, share)
