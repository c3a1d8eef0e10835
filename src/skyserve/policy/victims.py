"""Which replicas end first when there are too many."""

from collections.abc import Sequence

from skyserve.model.replica import Phase, Replica
from skyserve.policy.autoscaling.capacity import worth
from skyserve.policy.draft import Draft

_LEAST_READY_FIRST = (Phase.PENDING, Phase.PROVISIONING, Phase.STARTING, Phase.NOT_READY, Phase.READY)


def victims(draft: Draft, replicas: Sequence[Replica], count: int) -> list[Replica]:
    """So many of them, the first to end first: what is least ready; then on-demand machines that stand in for spot
    machines; then what costs most for what it can take; then what answers fewest requests; of equals the youngest."""
    if count <= 0:
        return []
    return sorted(replicas, key=lambda replica: _order(draft, replica))[:count]


def _order(draft: Draft, replica: Replica) -> tuple[int, bool, tuple[float, float], int, int]:
    target, backend = draft.target_of(replica), draft.seen(replica).backend
    return (
        _LEAST_READY_FIRST.index(replica.phase),
        replica.offer.spot or target.placement is None,
        worth(replica, target),
        backend.in_flight if backend else 0,
        -replica.id,
    )
