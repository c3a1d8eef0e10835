"""From the last request to the machine's proven absence."""

from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.service import Goal
from skyserve.policy.draft import Draft

SETTLE_SECONDS = 2.0
"""Requests in flight are counted about once a second: zero is believed no sooner after draining began."""
DOWN_DRAIN_SECONDS = 10.0
"""Longest drain when the user takes the whole service down: nobody is to wait two minutes for that."""

GIVE_UP_SECONDS = 60.0
"""With --purge a machine whose termination was accepted, and that is listed still after so long, is given up. Should it
live on, it belongs to no replica, and is terminated as such."""


def drain(draft: Draft) -> None:
    """Let requests in flight finish, up to the service's deadline."""
    for replica in draft.replicas(Phase.DRAINING):
        seen = draft.seen(replica)
        limit = _limit(draft, replica)
        waited = draft.now - replica.since
        in_flight = seen.backend.in_flight if seen.backend else 0
        if waited >= limit:
            draft.leave(replica, f"{in_flight} requests still in flight after {limit:g} s")
        elif in_flight == 0 and waited >= SETTLE_SECONDS:
            draft.leave(replica, "no request in flight")
        else:
            draft.wake_all((replica.since + SETTLE_SECONDS, replica.since + limit))


def _limit(draft: Draft, replica: Replica) -> float:
    limit = draft.target_of(replica).drain_seconds
    if draft.service.goal is not Goal.RUN:
        limit = min(limit, DOWN_DRAIN_SECONDS)
    if replica.doomed_at is not None:
        limit = min(limit, max(0.0, replica.doomed_at - replica.since))
    return limit


def see_machines_off(draft: Draft) -> None:
    """A replica is gone when its machine is proven absent, or when the user gives up a machine that could not be
    terminated: that a place does not answer for a moment gives nothing up."""
    for replica in draft.replicas(Phase.TERMINATING):
        seen = draft.seen(replica)
        if seen.absent and not seen.busy:
            draft.move(replica, Cause.MACHINE_ABSENT, "nothing is left of it")
            continue
        if draft.service.goal is not Goal.PURGE:
            continue
        give_up_at = replica.since + GIVE_UP_SECONDS
        if replica.attempts or draft.now >= give_up_at:
            draft.move(replica, Cause.PURGED, f"given up by --purge; {replica.offer.place} may still run it")
        else:
            draft.wake(give_up_at)
