"""Steps: how far the number may move within a period, as the scaling policies of the Kubernetes HPA limit it."""

from math import ceil

from skyserve.model.autoscaling import Autoscaling, Call, StepLimit


def stepped(wanted: int, before: int, past: tuple[Call, ...], knobs: Autoscaling, now: float) -> int:
    """As near to `wanted` as the user's steps let it come from `before`. `past`: what was wanted since when.

    From zero one replica may always come: whoever waits would wait for ever.
    """
    if wanted > before and (up := knobs.upscale_step) is not None:
        base = _at(past, now - up.period, before)
        return max(before, min(wanted, base + max(1, _size(up, base))))
    if wanted < before and (down := knobs.downscale_step) is not None:
        base = _at(past, now - down.period, before)
        return min(before, max(wanted, base - _size(down, base)))
    return wanted


def remember_wanted(
    past: tuple[Call, ...], before: int, wanted: int, knobs: Autoscaling, now: float
) -> tuple[Call, ...]:
    """The history with what is wanted now, as far back as a period reaches; nothing where there are no steps."""
    periods = [step.period for step in (knobs.upscale_step, knobs.downscale_step) if step is not None]
    if not periods:
        return ()
    past = past or (Call(now, before),)
    if past[-1].replicas != wanted:
        past = (*past, Call(now, wanted))
    begin = now - max(periods)
    first = max((i for i, then in enumerate(past) if then.since <= begin), default=0)
    return past[first:]


def _at(past: tuple[Call, ...], begin: float, otherwise: int) -> int:
    """What was wanted when the period began; what is remembered first is taken to have been wanted for ever."""
    first = past[0].replicas if past else otherwise
    return next((then.replicas for then in reversed(past) if then.since <= begin), first)


def _size(step: StepLimit, base: int) -> int:
    return max(step.replicas, ceil(base * step.percent / 100))
