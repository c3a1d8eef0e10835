"""With what the order of regions under `load_balancer:` goes together."""

from collections.abc import Iterator

from skyserve.model.endpoint import RegionOrder
from skyserve.model.service import LoadBalancingPolicy
from skyserve.spec.base import Finding
from skyserve.spec.load_balancer import LoadBalancer

_AFFINITY = (LoadBalancingPolicy.PREFIX_AFFINITY, LoadBalancingPolicy.SESSION_AFFINITY)


def region_findings(policy: LoadBalancingPolicy, settings: LoadBalancer) -> Iterator[Finding]:
    """What does not fit, by its key below `service:`."""
    ordered = settings.region_order is not RegionOrder.ANY
    key = "region_order" if ordered else "regions"
    if settings.spill_at is not None and not (ordered or settings.regions):
        remedy = "Write region_order: cheapest or nearest, or regions, or remove it."
        yield Finding("has no effect: regions have no order", remedy, ("load_balancer", "spill_at"))
    if not ordered and not settings.regions:
        return
    if ordered and settings.regions:
        yield Finding("given together with region_order", "Keep one of them.", ("load_balancer", "regions"))
    if policy in _AFFINITY:
        reason = f"has no effect under {policy.value}, which sends like requests where the others went before"
        yield Finding(reason, "Remove it, or write another policy.", ("load_balancer", key))
    if settings.slow_start_seconds:
        reason = f"has no effect with {key}, by which a replica is chosen for its region first"
        yield Finding(reason, "Remove one of them.", ("load_balancer", "slow_start_seconds"))
    limit = settings.max_concurrency_per_replica
    if limit is not None and (settings.spill_at or 0) > limit:
        reason = f"is never reached, since max_concurrency_per_replica is {limit}"
        yield Finding(reason, "Write no more than that.", ("load_balancer", "spill_at"))
