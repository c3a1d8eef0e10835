"""Times that lie ahead: written while the machine's clock was wrong, or before it was set back while no controller ran.

A deadline that counts from such a time would be passed too late, by as much as the clock was set back, and nothing that
is seen would count as having happened since. All times move back together, so that what had been waited for stays so.
What the autoscaler remembers is left to it: it begins anew where its last reading lies ahead.
"""

from dataclasses import replace

from skyserve.contracts.store import Change, PutReplica, PutService, Record
from skyserve.model.placement import Memory
from skyserve.model.replica import Replica
from skyserve.model.service import Service

LEAST_SECONDS = 1.0
"""Clocks differ by less all the time, and nothing is that exact."""


def ahead(record: Record, now: float) -> float:
    """By how many seconds the latest of what has happened lies ahead; 0: all is past."""
    happened = [record.service.last_failure_at, *(replica.since for replica in record.replicas)]
    if record.service.rollout is not None:
        happened.append(record.service.rollout.progressed_at)
    if record.service.placement is not None:
        happened.append(record.service.placement.at or 0.0)
    seconds = max(happened) - now
    return seconds if seconds >= LEAST_SECONDS else 0.0


def moved_back(record: Record, seconds: float) -> list[Change]:
    """The rows with all times so much earlier."""
    replicas = (PutReplica(_replica(replica, seconds)) for replica in record.replicas)
    return [PutService(_service(record.service, seconds)), *replicas]


def _replica(replica: Replica, seconds: float) -> Replica:
    return replace(
        replica,
        since=replica.since - seconds,
        created_at=replica.created_at - seconds,
        ready_since=_earlier(replica.ready_since, seconds),
        first_ready_at=_earlier(replica.first_ready_at, seconds),
        noticed_at=_earlier(replica.noticed_at, seconds),
        retry_at=max(0.0, replica.retry_at - seconds),
    )


def _service(service: Service, seconds: float) -> Service:
    rollout = service.rollout
    if rollout is not None:
        rollout = replace(
            rollout,
            began_at=rollout.began_at - seconds,
            progressed_at=rollout.progressed_at - seconds,
            step_since=_earlier(rollout.step_since, seconds),
            paused_at=_earlier(rollout.paused_at, seconds),
        )
    return replace(
        service,
        first_ready_at=_earlier(service.first_ready_at, seconds),
        last_failure_at=max(0.0, service.last_failure_at - seconds),
        rollout=rollout,
        placement=None if service.placement is None else _placement(service.placement, seconds),
    )


def _placement(memory: Memory, seconds: float) -> Memory:
    places = {
        key: replace(known, rests_until=known.rests_until - seconds, at=known.at - seconds)
        for key, known in memory.places.items()
    }
    return replace(memory, places=places, at=_earlier(memory.at, seconds))


def _earlier(at: float | None, seconds: float) -> float | None:
    return None if at is None else at - seconds
