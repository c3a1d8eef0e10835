"""Keeps the time to the first byte below a target, by moving how many requests in flight one replica should get.

Additive increase, multiplicative decrease (Chiu and Jain, 1989, as TCP does; AIMDLimit in Netflix's concurrency-limits
is the same for servers). A replica takes minutes to come: the limit moves at most once a window, and only when the
window has seen all replicas wanted.

A replica that answers a fixed number at a time is fast up to an edge and late beyond it, without a warning before. So
the limit rises only while replicas have as many in flight as it says, no fewer and no more: what a lower load or a
delay leaves idle proves nothing. Where it rose too far it gives all of that back at once, and comes near to the edge
only slowly (as TCP's CUBIC does to the window at which it lost a packet).
"""

from dataclasses import replace
from math import ceil

from skyserve.model.autoscaling import Autoscaling, Tuning
from skyserve.policy.autoscaling.concurrency import concurrency
from skyserve.policy.autoscaling.demand import Demand
from skyserve.policy.autoscaling.window import WINDOW_SECONDS, Seen

BACK_OFF = 0.9
"""The limit is multiplied by this when answers begin too late (AIMDLimit's)."""
INCREASE = 0.1
"""So much of the limit that it began with is added when they begin in time."""
USED = 0.9
"""For that, as many replicas as there are must be called for by so much of the limit."""
NEAR = 0.85
"""So near to where answers were late the limit comes back ..."""
FORGET = 1.02
"""... for a while: this edge is taken to lie so much higher after each window in which it holds the limit back."""
RANGE = 8.0
"""The limit stays within an eighth and eight times of what it began with: what latency tells may have other reasons."""


def latency(seen: Seen, knobs: Autoscaling) -> Demand:
    """As many replicas as it takes for each to have so many requests in flight as the limit says now; at once while
    answers begin too late."""
    tuning = _tuned(seen, knobs)
    demand = concurrency(seen, replace(knobs, per_replica=tuning.limit))
    began = f"{seen.first_byte:.3g} s" if seen.first_byte is not None else "an unknown time"
    reason = (
        f"{knobs.percentile:g} % of {seen.answers} answers began within {began},"
        f" {knobs.latency:g} s are allowed; {demand.reason}"
    )
    return replace(demand, reason=reason, tuning=tuning, urgent=_late(seen, knobs))


def _late(seen: Seen, knobs: Autoscaling) -> bool:
    """Too few answers tell nothing."""
    enough = seen.answers >= 100 / (100 - knobs.percentile)
    return enough and seen.first_byte is not None and seen.first_byte > knobs.latency


def _tuned(seen: Seen, knobs: Autoscaling) -> Tuning:
    """The limit after this reading. What it has risen by is given back as soon as answers begin too late, whatever the
    reason; all else takes a window of the same replicas."""
    now, ready, start = seen.now, seen.fleet.ready, knobs.per_replica
    if seen.tuning is None:
        return Tuning(start, now, ready)
    kept = replace(seen.tuning, limit=max(start / RANGE, min(start * RANGE, seen.tuning.limit)))
    if _late(seen, knobs) and kept.limit > start:
        edge = kept.limit if kept.edge is None else min(kept.edge, kept.limit)
        return Tuning(start, now, ready, edge)
    if ready != kept.ready or now < kept.since:
        return replace(kept, since=now, ready=ready)
    unproven = seen.first_byte is None or seen.answers < 100 / (100 - knobs.percentile)
    if now - kept.since < WINDOW_SECONDS or unproven or ready < max(1, seen.wanted):
        return kept
    late = _late(seen, knobs)
    if ceil(seen.concurrency / kept.limit) > ready and (late or kept.limit >= start):
        return kept  # more are called for: it is not the limit that is at work
    moved = _lowered(kept, seen) if late else _raised(kept, seen, knobs)
    moved = replace(moved, limit=max(start / RANGE, min(start * RANGE, moved.limit)))
    return replace(moved, since=now) if moved != kept else kept


def _lowered(tuning: Tuning, seen: Seen) -> Tuning:
    """Answers begin too late, with no more in flight at each replica than the limit says."""
    return replace(tuning, limit=min(tuning.limit, seen.concurrency / seen.fleet.ready) * BACK_OFF)


def _raised(tuning: Tuning, seen: Seen, knobs: Autoscaling) -> Tuning:
    """Answers begin in time: would they with as few replicas as a higher limit calls for, were the time to grow as do
    the requests in flight at each replica?"""
    limit, ready, more = tuning.limit, seen.fleet.ready, tuning.limit + INCREASE * knobs.per_replica
    fewer = min(ready, max(1, ceil(seen.concurrency / more)))
    used = ceil(seen.concurrency / (USED * limit)) >= ready
    if not used or (seen.first_byte or 0.0) * ready / fewer > knobs.latency:
        return tuning
    if tuning.edge is None or more <= NEAR * tuning.edge:
        return replace(tuning, limit=more)
    return replace(tuning, limit=max(limit, NEAR * tuning.edge), edge=FORGET * tuning.edge)
