"""As many replicas as it takes for each to have so many requests that are answered or wait, at this moment: what waits
is not averaged over a window, as far as delays do not forbid."""

from math import ceil

from skyserve.model.autoscaling import Autoscaling
from skyserve.policy.autoscaling.demand import Demand
from skyserve.policy.autoscaling.window import Seen


def queue(seen: Seen, knobs: Autoscaling) -> Demand:
    """ceil((requests in flight + requests that wait) / target_queue_per_replica). While some wait, that is a burst."""
    now = max(float(seen.in_flight), seen.refused)
    replicas = ceil(now / knobs.per_replica)
    reason = (
        f"{seen.in_flight} requests in flight, {seen.held} of them waiting, {knobs.per_replica:g} a replica,"
        f" {seen.refused:g} refused"
    )
    return Demand(replicas, reason, replicas if seen.held or seen.refused else 0)
