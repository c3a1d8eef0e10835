"""From a reading of the load to the number of replicas: the policy's demand, bounds, delays."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from skyserve.model.autoscaling import Autoscaling, Call, ScalingMemory, ScalingPolicy
from skyserve.model.load import Load
from skyserve.policy.autoscaling.concurrency import concurrency
from skyserve.policy.autoscaling.demand import Demand
from skyserve.policy.autoscaling.fleet import NOTHING, Fleet
from skyserve.policy.autoscaling.instance_aware import instance_aware
from skyserve.policy.autoscaling.latency import latency
from skyserve.policy.autoscaling.own import PolicyFailed
from skyserve.policy.autoscaling.queue import queue
from skyserve.policy.autoscaling.request_rate import request_rate
from skyserve.policy.autoscaling.settling import remember_call, settle
from skyserve.policy.autoscaling.stepping import remember_wanted, stepped
from skyserve.policy.autoscaling.window import WINDOW_SECONDS, Seen, read, reading_due_at, seen

POLICIES: Mapping[ScalingPolicy, Callable[[Seen, Autoscaling], Demand]] = {
    ScalingPolicy.REQUEST_RATE: request_rate,
    ScalingPolicy.CONCURRENCY: concurrency,
    ScalingPolicy.INSTANCE_AWARE: instance_aware,
    ScalingPolicy.LATENCY: latency,
    ScalingPolicy.QUEUE: queue,
}
"""A new policy is one file and one line here. Those of users are asked in their place."""

BURST_FACTOR = 2
"""A burst is load that calls for so many times what is wanted (Knative's panic threshold, 200 %), or would be wanted if
replicas were removed now: those that a burst brought are not to go before the next."""


class Decision(NamedTuple):
    """What comes of one reading."""

    wanted: int
    """Replicas, without those that are overprovisioned; within the bounds."""
    memory: ScalingMemory
    reason: str


def begin(knobs: Autoscaling, load: Load, now: float) -> ScalingMemory:
    """The memory of a service that was never looked at. What arrived before counts for nothing but at zero, where
    whoever came was refused and waits."""
    arrived = load.arrived if knobs.low else 0
    calls = (Call(now, knobs.low),)
    first_bytes = load.first_bytes if knobs.heeds_first_bytes else ()
    return ScalingMemory(knobs.low, now, arrived, load.refused, load.busy_seconds, first_bytes, calls=calls)


def decide(
    load: Load,
    knobs: Autoscaling,
    memory: ScalingMemory,
    now: float,
    fleet: Callable[[], Fleet] = lambda: NOTHING,
    own: Callable[[Seen], Demand] | None = None,
) -> Decision:
    """How many replicas are wanted now. Pure: the same reading, memory and fleet give the same decision.

    Between two readings the memory stays as it is, so that not every look has to be recorded, and nobody asks for the
    `fleet`. `own` decides in place of the policies here; while it fails the number stays.
    """
    if now < memory.read_at:  # the clock was set back: what is remembered lies in the future
        memory = replace(begin(knobs, load, now), wanted=memory.wanted, calls=(Call(now, memory.wanted),))
    if _bounded(memory.wanted, knobs) == memory.wanted and now < reading_due_at(memory, load, knobs):
        return Decision(memory.wanted, memory, "")
    after = read(memory, load, knobs, now) if now > memory.read_at else memory
    before = _bounded(memory.wanted, knobs)
    shown = seen(memory, after, load, fleet(), knobs, now)
    try:
        demand = own(shown) if own is not None else POLICIES[knobs.policy](shown, knobs)
    except PolicyFailed as error:
        return Decision(before, replace(after, wanted=before, trouble=str(error)), str(error))
    called = _bounded(demand.replicas, knobs)
    burst = _bounded(demand.burst, knobs)
    sudden = demand.burst >= BURST_FACTOR * max(1, min(before, called))
    burst_until = now + WINDOW_SECONDS if sudden else memory.burst_until
    bursting = now < burst_until
    # What a burst calls for is called for, too: after it the delay of scaling down begins.
    calls = remember_call(after.calls, max(called, before, burst) if bursting else called, knobs, now)
    if before == 0:
        wanted = max(called, burst)  # somebody waits: no delay
    else:
        wanted = settle(calls, before, knobs, now)
        if bursting:
            wanted = max(before, burst, wanted)
        if demand.urgent:
            wanted = max(before, called, wanted)
    wanted = stepped(wanted, before, memory.past, knobs, now)
    after = replace(
        after,
        wanted=wanted,
        calls=calls,
        past=remember_wanted(memory.past, before, wanted, knobs, now),
        tuning=demand.tuning,
        trouble="",
        burst_until=burst_until,
    )
    return Decision(wanted, after, f"{demand.reason}{_bound(demand.replicas, knobs)}")


def _bound(replicas: int, knobs: Autoscaling) -> str:
    if replicas < knobs.low:
        return f"; no fewer than {knobs.low}"
    return f"; no more than {knobs.high}" if replicas > knobs.high else ""


def _bounded(replicas: int, knobs: Autoscaling) -> int:
    return max(knobs.low, min(knobs.high, replicas))
