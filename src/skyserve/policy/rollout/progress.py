"""What counts as going forward, and when the next share of the requests moves."""

from dataclasses import replace
from typing import NamedTuple

from skyserve.model.rollout import Rollout, UpdateMode
from skyserve.policy.rollout.extent import needed, steps_of
from skyserve.policy.rollout.shifting import WATCH_SECONDS, over_at, traffic
from skyserve.policy.rollout.standing import Standing


class NextStep(NamedTuple):
    """A step that is due now."""

    rollout: Rollout
    reason: str


def progressed(standing: Standing, rollout: Rollout) -> Rollout:
    """With the time at which a new replica last became available for the first time (one that comes and goes is no
    progress), and at which a machine was last taken from one."""
    least = standing.settings.min_ready_seconds
    firsts = (r.first_ready_at + least for r in standing.new if r.first_ready_at is not None)
    latest = max((at for at in firsts if at <= standing.now), default=0.0)
    return replace(
        rollout,
        progressed_at=max(latest, rollout.progressed_at),
        taken_at=max(standing.taken_at, rollout.taken_at),
    )


def next_step(standing: Standing, rollout: Rollout) -> NextStep | None:
    """The traffic of the present step begins to flow once its replicas are available; after its time the next one
    begins. Where machines were taken away, and none of the version is left to be watched, it begins anew. Rolling
    has but one, the watch after the last old replica."""
    steps, now = steps_of(rollout, standing.settings), standing.now
    if rollout.step_since is None and rollout.mode is UpdateMode.ROLLING:
        words = f"all replicas are of version {rollout.version}: what they answer is watched for {WATCH_SECONDS:g} s"
        return NextStep(replace(rollout, step_since=now, progressed_at=now), words) if standing.exchanged else None
    if rollout.step_since is None:
        if standing.available < needed(rollout, standing.settings, standing.wanted):
            return None
        after = replace(rollout, step_since=now, progressed_at=now)
        percent = traffic(after, standing.settings)
        return NextStep(after, f"{percent} % of the requests go to version {rollout.version}")
    if rollout.mode is not UpdateMode.ROLLING and standing.deserted and rollout.taken_at >= rollout.step_since:
        words = f"the machines of version {rollout.version} were taken away: the step begins anew once others are ready"
        return NextStep(replace(rollout, step_since=None), words)
    if rollout.step >= len(steps) or now < rollout.step_since + steps[rollout.step].seconds:
        return None
    watched = steps[rollout.step]
    after = replace(rollout, step=rollout.step + 1, step_since=None, progressed_at=now)
    return NextStep(after, f"{watched.traffic} % were well for {watched.seconds:g} s: the next step begins")


def step_due_at(standing: Standing, rollout: Rollout) -> float | None:
    """When the present step has been watched for long enough; None: that does not depend on the time."""
    steps = steps_of(rollout, standing.settings)
    if rollout.step_since is None:
        return None
    if rollout.step < len(steps):
        return rollout.step_since + steps[rollout.step].seconds
    return over_at(rollout, standing.settings)
