"""Which settings of `load_balancer:` go with which of the policies that keep like requests together."""

from collections.abc import Iterator

from skyserve.model.service import LoadBalancingPolicy
from skyserve.spec.base import Finding
from skyserve.spec.load_balancer import LoadBalancer

_PREFIX, _SESSION = LoadBalancingPolicy.PREFIX_AFFINITY, LoadBalancingPolicy.SESSION_AFFINITY
_GOES_WITH = {
    "session_header": (_SESSION,),
    "session_cookie": (_SESSION,),
    "prefix_bytes": (_PREFIX,),
    "affinity_load_percent": (_PREFIX, _SESSION),
}


def affinity_findings(policy: LoadBalancingPolicy, settings: LoadBalancer) -> Iterator[Finding]:
    """What does not fit, by its key below `service:`."""
    for name, policies in _GOES_WITH.items():
        if getattr(settings, name) is not None and policy not in policies:
            words = " or ".join(policy.value for policy in policies)
            remedy = f"Write load_balancing_policy: {words.partition(' ')[0]}, or remove it."
            yield Finding(f"has a meaning for {words} only", remedy, ("load_balancer", name))
    if settings.slow_start_seconds and policy in (_PREFIX, _SESSION):
        reason = f"has no effect under {policy.value}, which gives a new replica its share at once"
        yield Finding(reason, "Remove it, or write another policy.", ("load_balancer", "slow_start_seconds"))
    if policy is _SESSION and (settings.session_header is None) == (settings.session_cookie is None):
        yield Finding(
            "session_affinity needs to know what names a session",
            "Write either load_balancer.session_header or load_balancer.session_cookie.",
            ("load_balancing_policy",),
        )
