"""Keeps the time to the first byte below a target, by moving how many requests in flight one replica should get.

Additive increase, multiplicative decrease (Chiu and Jain, 1989, as TCP does; the rules for servers are those of
AIMDLimit in Netflix's concurrency-limits: a back-off of 0.9, and no increase unless the limit is half used). A replica
takes minutes to come: the limit moves at most once a window, and only when the window has seen all replicas wanted.
"""

from dataclasses import replace
from math import ceil

from skyserve.model.autoscaling import Autoscaling, Tuning
from skyserve.policy.autoscaling.concurrency import concurrency
from skyserve.policy.autoscaling.demand import Demand
from skyserve.policy.autoscaling.window import WINDOW_SECONDS, Seen

BACK_OFF = 0.9
"""The limit is multiplied by this when answers begin too late."""
INCREASE = 0.25
"""So much of the limit that it began with is added when they begin in time."""
RANGE = 8.0
"""The limit stays within an eighth and eight times of what it began with: what latency tells may have other reasons."""


def latency(seen: Seen, knobs: Autoscaling) -> Demand:
    """As many replicas as it takes for each to have so many requests in flight as the limit says now."""
    tuning = _tuned(seen, knobs)
    demand = concurrency(seen, replace(knobs, per_replica=tuning.limit))
    began = f"{seen.first_byte:.3g} s" if seen.first_byte is not None else "an unknown time"
    reason = (
        f"{knobs.percentile:g} % of {seen.answers} answers began within {began},"
        f" {knobs.latency:g} s are allowed; {demand.reason}"
    )
    return replace(demand, reason=reason, tuning=tuning)


def _tuned(seen: Seen, knobs: Autoscaling) -> Tuning:
    """The limit after this reading."""
    now, ready, tuning = seen.now, seen.fleet.ready, seen.tuning
    least, most = knobs.per_replica / RANGE, knobs.per_replica * RANGE
    if tuning is None:
        return Tuning(knobs.per_replica, now, ready)
    kept = replace(tuning, limit=max(least, min(most, tuning.limit)))
    if ready != tuning.ready or now < tuning.since:
        return replace(kept, since=now, ready=ready)
    few = seen.answers < 100 / (100 - knobs.percentile)
    if now - tuning.since < WINDOW_SECONDS or few or ready < max(1, seen.wanted) or seen.first_byte is None:
        return kept
    limit = max(least, min(most, _moved(kept.limit, seen, seen.first_byte, knobs)))
    return Tuning(limit, now, ready) if limit != kept.limit else kept


def _moved(limit: float, seen: Seen, first_byte: float, knobs: Autoscaling) -> float:
    """Down if answers begin too late with as many replicas as the limit calls for, or more; up if they would begin in
    time with as few as it would call for then, were the time to grow as do the requests in flight at each replica."""
    ready = seen.fleet.ready
    each = seen.concurrency / ready
    if first_byte > knobs.latency:
        return min(limit, each) * BACK_OFF if ceil(seen.concurrency / limit) <= ready else limit
    more = limit + INCREASE * knobs.per_replica
    fewer = min(ready, max(1, ceil(seen.concurrency / more)))
    in_time = first_byte * ready / fewer <= knobs.latency
    return more if in_time and each >= limit / 2 else limit
