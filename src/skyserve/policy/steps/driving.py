"""What is due for each replica, by its phase. One action a replica at a time."""

from skyserve.model.plan import Launch, Start, Terminate
from skyserve.model.replica import Cause, Phase
from skyserve.policy.draft import Draft

TERMINATE_AGAIN_SECONDS = 5.0
"""A termination that was accepted is asked for again after so long, until the machine is absent."""

_STARTED = (Phase.STARTING, Phase.READY, Phase.NOT_READY, Phase.DRAINING)


def drive(draft: Draft) -> None:
    """Launch, start and terminate."""
    for replica in draft.replicas(Phase.PENDING):
        draft.move(replica, Cause.LAUNCH, f"launching at {replica.offer.place}")
    for replica in draft.replicas(Phase.PROVISIONING, Phase.TERMINATING):
        if draft.seen(replica).busy:
            continue
        if replica.retry_at > draft.now:
            draft.wake(replica.retry_at)
        elif replica.phase is Phase.PROVISIONING and replica.instance is None:
            draft.do(Launch(replica.id, f"a machine at {replica.offer.place}{_again(replica.attempts)}"))
        elif replica.phase is Phase.TERMINATING:
            settled_at = draft.seen(replica).settled_at
            again_at = settled_at + TERMINATE_AGAIN_SECONDS
            if settled_at >= replica.since and again_at > draft.now:
                draft.wake(again_at)  # accepted; most likely it is about to be absent
                continue
            draft.do(Terminate(replica.id, f"{replica.ended_by}{_again(replica.attempts)}"))
    for replica in draft.replicas(*_STARTED):
        seen = draft.seen(replica)
        if seen.task is None and seen.unreachable_since is None:
            draft.do(Start(replica.id, "to bring its files, then run setup and run"))


def _again(attempts: int) -> str:
    return f", try {attempts + 1}" if attempts else ""
