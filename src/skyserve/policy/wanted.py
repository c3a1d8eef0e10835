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
    """Cap of all that may hold a machine, those too that are on their way out; None: a fixed number needs none."""
    knobs = target.autoscaling
    return None if knobs is None else knobs.high + knobs.overprovision
