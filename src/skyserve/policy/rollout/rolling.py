"""Rolling: a few replicas at a time, as a Deployment of Kubernetes rolls its pods.

There are never more than `wanted + max_surge` replicas, without those on their way out or about to be taken away, and
never fewer available than `wanted - max_unavailable` for the update's sake.
"""

from skyserve.policy.rollout.division import Division, first_to_go
from skyserve.policy.rollout.extent import serves, surge, unavailable
from skyserve.policy.rollout.standing import Standing


def rolling(standing: Standing) -> Division:
    """Old replicas that never served end at once: there is nothing to lose with them. Of those that serve, those that
    are ill among them, as many end as the new ones make up for; and as many new ones are added as there is room for."""
    wanted, settings = standing.wanted, standing.settings
    keep = max(0, wanted - unavailable(settings, standing.mode, wanted) - standing.available)
    before = standing.before.number if standing.before else 0
    serving = first_to_go(filter(serves, standing.old), before)
    ends = [r for r in standing.old if not serves(r)] + serving[: max(0, len(serving) - keep)]
    ending = {replica.id for replica in ends}
    kept = sum(replica.id not in ending and not replica.doomed for replica in standing.old)
    return Division(new=max(0, min(wanted, wanted + surge(settings, standing.mode, wanted) - kept)), ends=tuple(ends))
