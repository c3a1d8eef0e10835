"""Knative's policy: as many replicas as it takes for each to have so many requests in flight."""

from math import ceil

from skyserve.model.autoscaling import Autoscaling
from skyserve.policy.autoscaling.demand import Demand
from skyserve.policy.autoscaling.window import BURST_SECONDS, WINDOW_SECONDS, Seen


def concurrency(seen: Seen, knobs: Autoscaling) -> Demand:
    """ceil(requests in flight on average / target_concurrency_per_replica), over the window and, for bursts, over the
    last seconds. Requests that were just refused would be in flight, had there been a replica; while some wait for one,
    all that are in flight now count as a burst."""
    waiting = seen.in_flight if seen.held else 0
    burst = ceil(max(seen.burst_concurrency, seen.refused, waiting) / knobs.per_replica)
    replicas = max(ceil(seen.concurrency / knobs.per_replica), 1 if seen.in_flight or seen.rate else 0)
    reason = (
        f"{seen.concurrency:.2f} requests in flight over {WINDOW_SECONDS:g} s, {seen.burst_concurrency:.2f} over"
        f" {BURST_SECONDS:g} s, {knobs.per_replica:g} a replica, {seen.held} waiting, {seen.refused:g} refused"
    )
    return Demand(replicas, reason, burst)
