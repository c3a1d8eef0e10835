"""How long replicas take until they are ready, remembered for those who wait for one."""

from dataclasses import replace

from skyserve.model.replica import Phase
from skyserve.policy.draft import Draft
from skyserve.policy.prospects import after_start


def time_starts(draft: Draft) -> None:
    """Take the time of each replica that has just become ready for the first time, on a machine of its own."""
    for replica in draft.replicas(Phase.READY):
        if replica.first_ready_at == draft.now and not replica.renewals:
            took = draft.now - replica.created_at
            service = replace(draft.service, start_seconds=after_start(draft.service, took))
            draft.remember(service, f"replica {replica.id} was ready after {took:.1f} s")
