"""SkyServe's status words, derived from phase and cause.

Service:

| goal          | replicas                                       | word           |
|---------------|------------------------------------------------|----------------|
| down or purge | one cannot be terminated                       | FAILED_CLEANUP |
| down or purge | otherwise                                      | SHUTTING_DOWN  |
| run           | one is ready                                   | READY          |
| run           | none ready; launching stopped                  | FAILED         |
| run           | none ready; one failed, or could not be had    | FAILED         |
| run           | none ready, none failed; target is 0           | NO_REPLICA     |
| run           | none ready, none failed; target above 0        | REPLICA_INIT   |

A failure counts for the word until a younger replica was ready.
"""

from collections.abc import Sequence

from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.service import Goal, Service
from skyserve.model.view import ReplicaStatus, ServiceStatus
from skyserve.policy.lifecycle import FAILURES, REFUSALS, TAKEN

CLEANUP_ATTEMPTS = 3
"""So many failed terminations in a row are shown as FAILED_CLEANUP. They are still retried."""

_LIVING = {
    Phase.PENDING: ReplicaStatus.PENDING,
    Phase.PROVISIONING: ReplicaStatus.PROVISIONING,
    Phase.STARTING: ReplicaStatus.STARTING,
    Phase.READY: ReplicaStatus.READY,
    Phase.NOT_READY: ReplicaStatus.NOT_READY,
}

_FAILED = {
    Cause.SETUP_FAILED: ReplicaStatus.FAILED,
    Cause.RUN_FAILED: ReplicaStatus.FAILED,
    Cause.INITIAL_DELAY_EXCEEDED: ReplicaStatus.FAILED_INITIAL_DELAY,
    Cause.PROBING_FAILED: ReplicaStatus.FAILED_PROBING,
    Cause.PROVISION_FAILED: ReplicaStatus.FAILED_PROVISION,
    **dict.fromkeys(REFUSALS, ReplicaStatus.FAILED_PROVISION),
    **dict.fromkeys(TAKEN, ReplicaStatus.PREEMPTED),
}


def replica_status(replica: Replica) -> ReplicaStatus:
    """The word for one replica."""
    if living := _LIVING.get(replica.phase):
        return living
    if replica.phase is Phase.TERMINATING and replica.attempts >= CLEANUP_ATTEMPTS:
        return ReplicaStatus.FAILED_CLEANUP
    if replica.phase is Phase.GONE or replica.ended_by in TAKEN:
        return _FAILED.get(replica.ended_by or Cause.SCALED_DOWN, ReplicaStatus.SHUTTING_DOWN)
    return ReplicaStatus.SHUTTING_DOWN


def failed(replica: Replica) -> bool:
    """It ended by a failure or a refusal: its row stays to tell why. That no spot machine was to be had is usual."""
    return replica.ended_by in FAILURES or (replica.ended_by in REFUSALS and not replica.offer.spot)


def shown(replica: Replica) -> bool:
    """Whether people are shown its row: one whose machine was taken away is not, once nothing is left of it."""
    return replica.phase is not Phase.GONE or failed(replica)


def service_status(service: Service, replicas: Sequence[Replica], target: int) -> ServiceStatus:
    """The word for the service; the table above."""
    if service.goal is not Goal.RUN:
        stuck = any(replica_status(r) is ReplicaStatus.FAILED_CLEANUP for r in replicas)
        return ServiceStatus.FAILED_CLEANUP if stuck else ServiceStatus.SHUTTING_DOWN
    if any(r.phase is Phase.READY for r in replicas):
        return ServiceStatus.READY
    last_good = max((r.id for r in replicas if r.first_ready_at is not None), default=0)
    if service.stopped_reason or any(failed(r) for r in replicas if r.id >= last_good):
        return ServiceStatus.FAILED
    return ServiceStatus.NO_REPLICA if target == 0 else ServiceStatus.REPLICA_INIT
