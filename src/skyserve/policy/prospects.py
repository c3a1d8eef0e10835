"""When the next replica of a service should be ready: what those who wait for one, or are turned away, may be told."""

from math import ceil

from skyserve.model.replica import Phase, Replica
from skyserve.model.route import Prospect
from skyserve.model.service import Goal, Service
from skyserve.policy.draft import Draft
from skyserve.policy.pacing import may_launch_at

UNKNOWN_SECONDS = 30
"""Told to whoever is turned away while no replica of the service was ever ready: often enough to ask again."""
OVERDUE_SHARE = 0.1
"""Of the time that replicas take: so much longer is a late one expected to take, whenever it is asked about."""
LEAST_SECONDS = 1

_COMING = (Phase.PENDING, Phase.PROVISIONING, Phase.STARTING)


def prospect(draft: Draft) -> Prospect:
    """Of the service as the rows will be."""
    service, takes = draft.service, draft.service.start_seconds
    if hopeless := _hopeless(draft):
        return Prospect(hopeless=hopeless)
    if takes is None:
        return Prospect()
    due = [_began(replica) + takes for replica in draft.replicas(*_COMING)]
    if not due and (at := may_launch_at(service, draft.target, draft.replicas())) > draft.now:
        due = [at + takes]
    return Prospect(min(due, default=None), takes)


def _began(replica: Replica) -> float:
    """When its present start began."""
    return max(replica.since if replica.renewals else replica.created_at, replica.retry_at)


def _hopeless(draft: Draft) -> str:
    """Why no replica will come, while there is none that could answer."""
    service, knobs = draft.service, draft.target.autoscaling
    if any(replica.alive for replica in draft.replicas()):
        return ""
    if service.goal is not Goal.RUN:
        return "the service is being taken down"
    if service.stopped_reason:
        return service.stopped_reason
    most = draft.wanted if knobs is None else knobs.high + knobs.overprovision
    return "" if most else "the service is to have no replicas"


def after_start(service: Service, took: float) -> float:
    """What `Service.start_seconds` is once another replica took so long: the mean of it and what was known, so that the
    latest count most."""
    return took if service.start_seconds is None else (service.start_seconds + took) / 2


def retry_after(prospect: Prospect, now: float) -> int | None:
    """Seconds after which whoever is turned away should ask again; None: there is no use in it."""
    if prospect.hopeless:
        return None
    if prospect.takes is None:
        return UNKNOWN_SECONDS
    late = max(LEAST_SECONDS, ceil(prospect.takes * OVERDUE_SHARE))
    if prospect.ready_at is None:
        return max(late, ceil(prospect.takes))
    return max(late, ceil(prospect.ready_at - now))
