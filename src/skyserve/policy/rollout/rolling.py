"""Rolling: a few replicas at a time, as a Deployment of Kubernetes rolls its pods.

There are never more than `wanted + max_surge` replicas, without those on their way out or about to be taken away, and
never fewer available than `wanted - max_unavailable` for the update's sake.
"""

from skyserve.model.rollout import UpdateMode
from skyserve.policy.rollout.division import Division, first_to_go
from skyserve.policy.rollout.standing import Standing, serves


def rolling(standing: Standing) -> Division:
    """Old replicas that never served end at once: there is nothing to lose with them. Of those that serve, those that
    are ill among them, as many end as the new ones make up for; and as many new ones are added as there is room for."""
    wanted = standing.wanted
    keep = max(0, wanted - unavailable(standing) - standing.available)
    before = standing.before.number if standing.before else 0
    serving = first_to_go(filter(serves, standing.old), before)
    ends = [r for r in standing.old if not serves(r)] + serving[: max(0, len(serving) - keep)]
    ending = {replica.id for replica in ends}
    kept = sum(replica.id not in ending and not replica.doomed for replica in standing.old)
    return Division(new=max(0, min(wanted, wanted + surge(standing) - kept)), ends=tuple(ends))


def surge(standing: Standing) -> int:
    """Replicas that there may be above the number wanted. One where percentages leave nothing to move with: rounding
    is no wish to stand still."""
    most = standing.settings.max_surge.up(standing.wanted)
    return most if most or unavailable(standing) else 1


def unavailable(standing: Standing) -> int:
    """Replicas that may be missing of the number wanted. None in a mode that promises the old ones in full, where what
    runs on by itself leaves a few to be rolled."""
    if standing.mode is not UpdateMode.ROLLING:
        return 0
    return min(standing.wanted, standing.settings.max_unavailable.down(standing.wanted))
