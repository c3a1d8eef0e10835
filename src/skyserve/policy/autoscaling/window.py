"""The load over windows of time, from readings of totals at whatever moments."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from skyserve.model.autoscaling import Autoscaling, Bucket, ScalingMemory, Tuning
from skyserve.model.load import Load
from skyserve.policy.autoscaling.first_bytes import between, percentile
from skyserve.policy.autoscaling.fleet import NOTHING, Fleet

WINDOW_SECONDS = 60.0
"""Load is averaged over so long (SkyServe's window of requests, and Knative's stable window)."""
BURST_SECONDS = 6.0
"""A burst shows over so long (Knative's panic window, a tenth of the stable one)."""
FASTEST_READING_SECONDS = 1.0
"""The endpoint's own counters are no fresher."""
SLOWEST_READING_SECONDS = 5.0
READINGS_A_DELAY = 5
"""How finely a delay is resolved, within those bounds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a policy is shown of the load, and of what carries it."""

    rate: float
    """Requests a second, over the window."""
    concurrency: float
    """Requests in flight, averaged over the window."""
    burst_concurrency: float
    """The same over the last few seconds."""
    in_flight: int
    """Now, those too that wait because no replica can take them."""
    refused: float
    """Requests that found no replica: at zero all of them, since they came at once; else so many a second, since
    whoever was refused asks again."""
    fleet: Fleet = NOTHING
    first_byte: float | None = None
    """Seconds within which the wanted percentage of the window's answers began; None: there were none."""
    answers: int = 0
    """Answers that ended within the window."""
    now: float = 0.0
    """Seconds since the epoch."""
    wanted: int = 0
    """Replicas wanted until now."""
    tuning: Tuning | None = None
    """What the policy said at the last reading."""
    held: int = 0
    """Of the requests in flight, how many wait for a replica."""


def reading_due_at(memory: ScalingMemory, load: Load, knobs: Autoscaling) -> float:
    """When the next reading is to be remembered: now and then, and at once when somebody asks for a service at zero."""
    if memory.wanted == 0:
        asked = load.arrived != memory.arrived or load.in_flight > 0
        return memory.read_at + (0.0 if asked else WINDOW_SECONDS)
    delay = min(knobs.upscale_delay, knobs.downscale_delay)
    return memory.read_at + min(SLOWEST_READING_SECONDS, max(FASTEST_READING_SECONDS, delay / READINGS_A_DELAY))


def read(memory: ScalingMemory, load: Load, knobs: Autoscaling, now: float) -> ScalingMemory:
    """The memory with one reading more."""
    span = now - memory.read_at
    # A total that shrank was counted anew. While nobody counted, requests in flight are taken to be those of now.
    arrived = load.arrived - memory.arrived if load.arrived >= memory.arrived else load.arrived
    counted = load.busy_seconds >= memory.busy_seconds
    busy = load.busy_seconds - memory.busy_seconds if counted else load.in_flight * span
    first_bytes = load.first_bytes if knobs.heeds_first_bytes else ()
    began = between(memory.first_bytes, first_bytes)
    kept = tuple(bucket for bucket in memory.buckets if bucket.until > now - WINDOW_SECONDS)
    return replace(
        memory,
        read_at=now,
        arrived=load.arrived,
        refused=load.refused,
        busy_seconds=load.busy_seconds,
        first_bytes=first_bytes,
        buckets=(*kept, Bucket(now, span, arrived, busy, began)) if arrived or busy or began else kept,
    )


def seen(
    before: ScalingMemory, memory: ScalingMemory, load: Load, fleet: Fleet, knobs: Autoscaling, now: float
) -> Seen:
    """The load now; `before` is the memory of the reading before."""
    began = [b.first_bytes for b in memory.buckets if b.until > now - WINDOW_SECONDS]
    refused = load.refused - before.refused if load.refused >= before.refused else load.refused
    return Seen(
        rate=_total(memory, lambda b: b.arrived, now, WINDOW_SECONDS) / WINDOW_SECONDS,
        concurrency=_total(memory, lambda b: b.busy_seconds, now, WINDOW_SECONDS) / WINDOW_SECONDS,
        burst_concurrency=_total(memory, lambda b: b.busy_seconds, now, BURST_SECONDS) / BURST_SECONDS,
        in_flight=load.in_flight,
        refused=refused / max(1.0, now - before.read_at) if before.wanted else refused,
        fleet=fleet,
        first_byte=percentile(began, knobs.percentile),
        answers=sum(count for counts in began for _, count in counts),
        now=now,
        wanted=before.wanted,
        tuning=before.tuning,
        held=load.held,
    )


def _total(memory: ScalingMemory, value: Callable[[Bucket], float], now: float, window: float) -> float:
    """Of a bucket that began before the window, the part that lies within it."""
    return sum(value(bucket) * _share(bucket, now - window) for bucket in memory.buckets)


def _share(bucket: Bucket, begin: float) -> float:
    return max(0.0, min(1.0, (bucket.until - begin) / bucket.span))
