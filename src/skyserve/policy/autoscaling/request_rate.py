"""SkyServe's policy: as many replicas as it takes for each to get so many requests a second."""

from math import ceil

from skyserve.model.autoscaling import Autoscaling
from skyserve.policy.autoscaling.demand import Demand
from skyserve.policy.autoscaling.window import WINDOW_SECONDS, Seen


def request_rate(seen: Seen, knobs: Autoscaling) -> Demand:
    """ceil(requests a second over the window / target_qps_per_replica), and one while a request is in flight."""
    replicas = max(ceil(seen.rate / knobs.per_replica), 1 if seen.in_flight else 0)
    reason = (
        f"{seen.rate:.2f} requests a second over {WINDOW_SECONDS:g} s, {knobs.per_replica:g} a replica,"
        f" {seen.in_flight} in flight"
    )
    return Demand(replicas, reason)
