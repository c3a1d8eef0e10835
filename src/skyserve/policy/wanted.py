"""The number of replicas that there should be, and the most that there may be."""

from skyserve.model.service import Service, Target


def wanted_replicas(service: Service, target: Target) -> int:
    """Those that the user or the load calls for, and those that are overprovisioned."""
    knobs = target.autoscaling
    if knobs is None:
        return target.replicas
    called = service.scaling.wanted if service.scaling else knobs.low
    return max(knobs.low, min(knobs.high, called)) + knobs.overprovision


def most_replicas(target: Target) -> int | None:
    """Cap of all that may hold a machine, those too that are on their way out; None: a fixed number needs none.

    On spot machines, as many as are wanted at most and the extra; and once more as many where on-demand machines stand
    in for them, since both are asked for together.
    """
    knobs, placement = target.autoscaling, target.placement
    if knobs is None:
        return None
    most = knobs.high + knobs.overprovision
    if placement is None:
        return most
    return most + placement.extra + (knobs.high if placement.stand_in else 0)
