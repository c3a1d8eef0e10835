"""The life of a replica: `phase x cause -> phase`. The only place where a replica changes its phase.

The one door out of any phase that may hold a machine leads through TERMINATING, and the one door from there to GONE
is the machine's proven absence (or a user's `--purge`, who then was warned): what costs money is never forgotten.
"""

from dataclasses import replace

from skyserve.model.replica import Cause, Phase, Replica

FAILURES = frozenset(
    {
        Cause.PROVISION_FAILED,
        Cause.SETUP_FAILED,
        Cause.RUN_FAILED,
        Cause.INITIAL_DELAY_EXCEEDED,
        Cause.PROBING_FAILED,
    }
)
"""Causes that count against the failure budget: most likely the user's task is at fault."""

REFUSALS = frozenset({Cause.NO_CAPACITY, Cause.QUOTA_EXCEEDED, Cause.UNAUTHORIZED, Cause.PLACE_FAILED})
"""Causes for which a place would not give a machine, or could not."""

LOSSES = frozenset({Cause.MACHINE_LOST, Cause.PREEMPTED})
"""Causes by which a place took a machine away."""

TAKEN = LOSSES | {Cause.PREEMPTION_NOTICE}
"""Causes by which a place took a machine away or will; the replica did nothing wrong."""

REQUESTS = frozenset({Cause.SCALED_DOWN, Cause.OUTDATED, Cause.USER_TERMINATED, Cause.SERVICE_DOWN})
"""Causes that somebody asked for; the replica did nothing wrong."""


def _row(causes: frozenset[Cause] | set[Cause], phase: Phase) -> dict[Cause, Phase]:
    return dict.fromkeys(causes, phase)


NEXT: dict[Phase, dict[Cause, Phase]] = {
    Phase.PENDING: {
        Cause.LAUNCH: Phase.PROVISIONING,
        **_row(REQUESTS, Phase.GONE),
    },
    Phase.PROVISIONING: {
        Cause.MACHINE_UP: Phase.STARTING,
        Cause.PROVISION_FAILED: Phase.TERMINATING,
        **_row(REFUSALS | LOSSES | REQUESTS, Phase.TERMINATING),
    },
    Phase.STARTING: {
        Cause.PROBE_PASSED: Phase.READY,
        Cause.SETUP_FAILED: Phase.TERMINATING,
        Cause.RUN_FAILED: Phase.TERMINATING,
        Cause.INITIAL_DELAY_EXCEEDED: Phase.TERMINATING,
        **_row(LOSSES | REQUESTS, Phase.TERMINATING),
    },
    Phase.READY: {
        Cause.PROBE_FAILED: Phase.NOT_READY,
        Cause.RUN_FAILED: Phase.TERMINATING,
        Cause.PREEMPTION_NOTICE: Phase.DRAINING,
        **_row(LOSSES, Phase.TERMINATING),
        **_row(REQUESTS, Phase.DRAINING),
    },
    Phase.NOT_READY: {
        Cause.PROBE_PASSED: Phase.READY,
        Cause.PROBING_FAILED: Phase.TERMINATING,
        Cause.RUN_FAILED: Phase.TERMINATING,
        Cause.PREEMPTION_NOTICE: Phase.DRAINING,
        **_row(LOSSES, Phase.TERMINATING),
        **_row(REQUESTS, Phase.DRAINING),
    },
    Phase.DRAINING: {
        Cause.DRAINED: Phase.TERMINATING,
        Cause.RENEWED: Phase.STARTING,
        Cause.RUN_FAILED: Phase.TERMINATING,
        **_row(LOSSES, Phase.TERMINATING),
    },
    Phase.TERMINATING: {
        Cause.MACHINE_ABSENT: Phase.GONE,
        Cause.PURGED: Phase.GONE,
    },
    Phase.GONE: {},
}

ENDING = frozenset({Phase.DRAINING, Phase.TERMINATING, Phase.GONE})
"""Phases that lead to the end; only a draining replica may be renewed instead, as one of another version."""

MAY_HOLD_MACHINE = frozenset(
    {Phase.PROVISIONING, Phase.STARTING, Phase.READY, Phase.NOT_READY, Phase.DRAINING, Phase.TERMINATING}
)
"""Phases in which a machine may exist, and cost money."""


class IllegalMove(Exception):
    """A move that the table does not have: an error of the program, not of the world."""


def move(replica: Replica, cause: Cause, now: float, detail: str = "") -> Replica:
    """The replica after this cause. `detail` says it in words; it is kept where it tells why the replica ended.

    Raises IllegalMove.
    """
    following = NEXT[replica.phase].get(cause)
    if following is None:
        raise IllegalMove(f"replica {replica.token}: {replica.phase} has no move by {cause}")
    first_end = following in ENDING and replica.ended_by is None
    ready = following is Phase.READY
    return replace(
        replica,
        phase=following,
        since=now,
        attempts=0,
        retry_at=0.0,
        ended_by=_ended_by(replica, cause, following),
        detail=detail if first_end or following not in ENDING else replica.detail,
        ready_since=now if ready else None,
        first_ready_at=now if ready and replica.first_ready_at is None else replica.first_ready_at,
    )


def renew(replica: Replica, version: int, now: float) -> Replica:
    """A drained replica whose machine another version gets: it begins anew, as one of that version.

    Raises IllegalMove.
    """
    anew = replace(replica, version=version, first_ready_at=None, renewals=replica.renewals + 1)
    return move(anew, Cause.RENEWED, now)


def _ended_by(replica: Replica, cause: Cause, following: Phase) -> Cause | None:
    """The first cause that sent it towards its end; None for one that is renewed."""
    if following not in ENDING:
        return None
    return replica.ended_by or cause
