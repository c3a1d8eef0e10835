"""Windows of stabilisation, as those of the Kubernetes HPA: up to the least, down to the most that was called for.

A call to the contrary that is short does not begin a window anew: it stretches it by as long as it lasted.
"""

from collections.abc import Iterator

from skyserve.model.autoscaling import Autoscaling, Call

JITTER_SECONDS = 30.0
"""Contrary calls are forgiven if they last no longer than this, all together, ..."""
JITTER_SHARE = 0.1
"""... and no longer than this share of the delay."""
TICK_SECONDS = 0.001
"""Sums of times since the epoch are no more exact."""


def settle(calls: tuple[Call, ...], wanted: int, knobs: Autoscaling, now: float) -> int:
    """The number of replicas after that history, if it was `wanted` until now.

    The latest call bounds what the windows say: never more than it calls for is added, nor more removed.
    """
    latest = calls[-1].replicas
    up = min(latest, _sustained(calls, knobs.upscale_delay, now))
    down = max(latest, -_sustained(tuple(Call(c.since, -c.replicas) for c in calls), knobs.downscale_delay, now))
    return up if up > wanted else min(wanted, down)


def remember_call(calls: tuple[Call, ...], replicas: int, knobs: Autoscaling, now: float) -> tuple[Call, ...]:
    """The history with the call of now, and without what no window reaches any more."""
    if not calls or calls[-1].replicas != replicas:
        calls = (*calls, Call(now, replicas))
    longest = max(knobs.upscale_delay, knobs.downscale_delay)
    begin = now - longest - _grace(longest)
    first = max((i for i, call in enumerate(calls) if call.since <= begin), default=0)
    return calls[first:]


def _sustained(calls: tuple[Call, ...], delay: float, now: float) -> int:
    """The most that was called for, or exceeded, throughout the delay, jitter forgiven."""
    grace = _grace(delay)
    contrary = 0.0
    ascending = sorted(_lengths(calls, now - delay - grace, now))
    for replicas, seconds in ascending:
        contrary += seconds
        if contrary > grace + TICK_SECONDS:
            return replicas
    return calls[-1].replicas  # the window has no length


def _grace(delay: float) -> float:
    return min(JITTER_SECONDS, JITTER_SHARE * delay)


def _lengths(calls: tuple[Call, ...], begin: float, now: float) -> Iterator[tuple[int, float]]:
    """(replicas, for how long within the window) of each call."""
    ends = [call.since for call in calls[1:]] + [now]
    for number, (call, end) in enumerate(zip(calls, ends, strict=True)):
        since = begin if number == 0 else max(call.since, begin)
        yield call.replicas, max(0.0, end - since)
