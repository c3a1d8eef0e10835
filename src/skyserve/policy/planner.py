"""From a Snapshot to a Plan: an ordered list of steps, each of which sees what those before it decided."""

from collections.abc import Callable

from skyserve.model.plan import Abandon, Amend, Plan, Remember
from skyserve.model.snapshot import Snapshot
from skyserve.policy.draft import Draft
from skyserve.policy.routing import route_table
from skyserve.policy.steps.cleaning import finish_service, forget_history, forget_versions, reclaim_leaks
from skyserve.policy.steps.counting import keep_count, stop_all
from skyserve.policy.steps.driving import drive
from skyserve.policy.steps.ending import drain, see_machines_off
from skyserve.policy.steps.failing import pace
from skyserve.policy.steps.following import follow_load, keep_hours
from skyserve.policy.steps.metering import meter
from skyserve.policy.steps.noticing import heed_notices
from skyserve.policy.steps.observing import follow_actions, follow_machines, follow_probes, follow_tasks
from skyserve.policy.steps.timing import time_starts
from skyserve.policy.steps.updating import adopt, advance, share_out

STEPS: tuple[Callable[[Draft], None], ...] = (
    reclaim_leaks,  # what nobody asked for must not cost money
    adopt,  # what an update leaves running
    follow_actions,  # what launches and terminations came to
    follow_machines,  # a machine came up, was lost
    heed_notices,  # a machine will be taken away: who serves there serves on for a while
    follow_tasks,  # the user's setup or run failed
    follow_probes,  # a replica is ready, or no longer
    time_starts,  # how long that took
    stop_all,  # the user wants the service down
    pace,  # how fast to try again, and when to stop
    meter,  # what API keys have used up
    keep_hours,  # when other bounds hold
    follow_load,  # how many replicas the requests call for
    advance,  # how far an update has come
    share_out,  # of which version they are
    keep_count,  # as many replicas as wanted, where there is room
    drain,  # requests in flight finish before the machine goes
    see_machines_off,  # until each is proven absent
    drive,  # launch, start, terminate what is due
    forget_history,  # bounded
    forget_versions,  # likewise
    finish_service,  # nothing of it is left
)


def plan(snapshot: Snapshot) -> Plan:
    """What is to be done now, with the reason of each action. Pure: the same snapshot gives the same plan."""
    draft = Draft(snapshot)
    for step in STEPS:
        step(draft)
    actions = list(draft.actions)
    recorded = any(isinstance(a, Amend | Remember | Abandon) and a.service == draft.service for a in actions)
    if draft.service != snapshot.service and not recorded:
        actions.append(Amend(draft.service, "failures counted"))
    return Plan(tuple(actions), route_table(draft), draft.wake_at)
