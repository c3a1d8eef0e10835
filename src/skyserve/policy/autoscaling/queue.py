"""As many replicas as it takes for each to have so many requests that are answered or wait: at this moment, so that
what waits counts at once, or over the last seconds if that is more, so that a pause between two requests is no end of
the load."""

from math import ceil

from skyserve.model.autoscaling import Autoscaling
from skyserve.policy.autoscaling.demand import Demand
from skyserve.policy.autoscaling.window import BURST_SECONDS, Seen


def queue(seen: Seen, knobs: Autoscaling) -> Demand:
    """ceil((requests in flight + requests that wait) / target_queue_per_replica), and one while requests come. While
    some wait, that is a burst."""
    load = max(float(seen.in_flight), seen.burst_concurrency, seen.refused)
    replicas = max(ceil(load / knobs.per_replica), 1 if seen.in_flight or seen.rate else 0)
    reason = (
        f"{seen.in_flight} requests in flight, {seen.held} of them waiting, {seen.burst_concurrency:.2f} over"
        f" {BURST_SECONDS:g} s, {knobs.per_replica:g} a replica, {seen.refused:g} refused"
    )
    return Demand(replicas, reason, replicas if seen.held or seen.refused else 0)
