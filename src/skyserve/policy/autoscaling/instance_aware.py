"""SkyServe's policy for replicas that differ: as many as it takes for what they can take together to be the load."""

from math import ceil

from skyserve.model.autoscaling import Autoscaling
from skyserve.policy.autoscaling.demand import Demand
from skyserve.policy.autoscaling.window import WINDOW_SECONDS, Seen

ROUNDING = 1e-9
"""Sums of decimal fractions are no more exact: ten times 0.1 is enough for 1."""


def instance_aware(seen: Seen, knobs: Autoscaling) -> Demand:
    """The living ones that would be kept, until their targets add up to the requests a second over the window; if all
    are too few, as many more as it takes of what would be added. One while a request is in flight."""
    load = seen.rate * (1 - ROUNDING)
    kept, able = 0, 0.0
    for each in seen.fleet.living:
        if able >= load:
            break
        kept, able = kept + 1, able + each
    more = next(iter(seen.fleet.offers), knobs.per_replica)
    missing = ceil(max(0.0, load - able) / more)
    reason = (
        f"{seen.rate:.2f} requests a second over {WINDOW_SECONDS:g} s; {len(seen.fleet.living)} replicas can take"
        f" {sum(seen.fleet.living):g}, each added one {more:g}; {seen.in_flight} in flight"
    )
    return Demand(max(kept + missing, 1 if seen.in_flight else 0), reason)
