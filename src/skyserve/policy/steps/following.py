"""How the number of replicas follows the load."""

from dataclasses import replace

from skyserve.model.service import Goal
from skyserve.policy.autoscaling.decision import begin, decide
from skyserve.policy.autoscaling.fleet import fleet_of
from skyserve.policy.autoscaling.own import own_policy
from skyserve.policy.autoscaling.window import reading_due_at
from skyserve.policy.draft import Draft
from skyserve.policy.schedule import next_change


def keep_hours(draft: Draft) -> None:
    """Look again when the schedule has other bounds."""
    draft.wake(next_change(draft.target.schedule, draft.now))


def follow_load(draft: Draft) -> None:
    """Let the policy decide how many replicas are wanted. Nothing changes while the load is not known."""
    knobs, load, service = draft.target.autoscaling, draft.snapshot.load, draft.service
    if knobs is None or load is None or service.goal is not Goal.RUN:
        return
    memory = service.scaling or begin(knobs, load, draft.now)
    before = memory.wanted + knobs.overprovision
    wanted, memory, why = decide(
        load,
        knobs,
        memory,
        draft.now,
        lambda: fleet_of(draft.replicas(), draft.snapshot.offers, draft.target),
        own_policy(draft.snapshot, knobs.function) if knobs.function else None,
    )
    amended = replace(service, scaling=memory)
    if wanted + knobs.overprovision != before:
        after = wanted + knobs.overprovision
        draft.amend(amended, f"replicas wanted: {after}, before: {before}; {why}")
    elif memory.trouble and not (service.scaling and service.scaling.trouble):
        draft.amend(amended, f"replicas wanted: {before} as before; {why}")
    elif amended != service:
        draft.remember(amended, why)
    draft.wake(reading_due_at(memory, load, knobs))
