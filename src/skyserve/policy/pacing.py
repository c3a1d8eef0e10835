"""How fast to try again, and when to stop: exponential back-off and a failure budget.

Failures are counted in rounds of as many replicas as are tried at the same time, so that fifty replicas of a broken
version make one round, as one replica would. The first round is replaced at once: a replica that was killed costs no
waiting.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from skyserve.model.replica import Replica
from skyserve.model.service import Service, Target
from skyserve.policy.rollout.extent import tried_at_once

BASE_SECONDS = 2.0
"""Wait after the second round; doubles with each."""
CAP_SECONDS = 300.0
"""Longest wait between rounds."""
ROUNDS_NEVER_READY = 3
"""A version that was never ready is most likely wrong: stop after so many rounds."""
ROUNDS_EVER_READY = 20
"""A version that worked once gets about an hour and a half of tries, at CAP_SECONDS."""
STEADY_SECONDS = 60.0
"""A replica that stayed ready so long did well: the count of failures starts anew."""


def rounds(service: Service, target: Target, replicas: Iterable[Replica]) -> int:
    """Full rounds of failures beyond the first. `replicas`: all of the service."""
    return max(0, service.failure_streak - 1) // tried_at_once(service, target, replicas)


def may_launch_at(service: Service, target: Target, replicas: Iterable[Replica]) -> float:
    """The time before which no replacement is made; 0 if at once."""
    past = rounds(service, target, replicas)
    if past == 0:
        return 0.0
    return service.last_failure_at + min(CAP_SECONDS, BASE_SECONDS * 2.0 ** min(past - 1, 30))


def budget_spent(service: Service, target: Target, replicas: Iterable[Replica], *, ever_ready: bool) -> bool:
    """Whether launching stops until the user updates the service."""
    return rounds(service, target, replicas) >= (ROUNDS_EVER_READY if ever_ready else ROUNDS_NEVER_READY)


def redeemed_at(service: Service, ready: Sequence[Replica]) -> float | None:
    """When earlier failures are forgiven if nothing changes; None: not by these replicas.

    Only a replica that became ready after the last failure speaks for those that failed: its healthy neighbour may
    stand where there is nothing wrong.
    """
    since = (r.ready_since for r in ready if r.ready_since is not None and r.ready_since >= service.last_failure_at)
    return min((at + STEADY_SECONDS for at in since), default=None)


def count_failure(service: Service, now: float) -> Service:
    """The service after one more replica failed."""
    return replace(service, failure_streak=service.failure_streak + 1, last_failure_at=now)


def forgive(service: Service) -> Service:
    """The service after a replica did well."""
    return replace(service, failure_streak=0, stopped_reason="")


LAUNCH_ATTEMPTS = 3
"""Tries of one replica's launch where it is unknown whether it was done (as SkyServe)."""
LAUNCH_RETRY_SECONDS = 5.0
"""Wait after the first such try; doubles."""
TERMINATE_RETRY_SECONDS = 1.0
"""Wait after the first failed termination; doubles. It is retried for ever: a machine costs money."""
TERMINATE_RETRY_CAP_SECONDS = 10.0


def after_launch_failure(replica: Replica, detail: str, now: float) -> Replica | None:
    """The replica, to be launched again later; None once its tries are spent."""
    attempts = replica.attempts + 1
    if attempts >= LAUNCH_ATTEMPTS:
        return None
    wait = LAUNCH_RETRY_SECONDS * 2.0 ** (attempts - 1)
    return replace(replica, attempts=attempts, retry_at=now + wait, detail=detail)


def after_terminate_failure(replica: Replica, detail: str, now: float) -> Replica:
    """The replica, to be terminated again later."""
    wait = min(TERMINATE_RETRY_CAP_SECONDS, TERMINATE_RETRY_SECONDS * 2.0 ** min(replica.attempts, 10))
    return replace(replica, attempts=replica.attempts + 1, retry_at=now + wait, detail=detail)
