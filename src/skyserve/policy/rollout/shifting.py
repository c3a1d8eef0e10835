"""Blue-green and canary: new replicas beside the old ones, which stay in full until the whole traffic has moved.

A canary moves it by steps, with as many new replicas as the step's share calls for; blue-green has no steps.
"""

from skyserve.model.replica import Phase, Replica
from skyserve.model.rollout import Rollout, UpdateMode, UpdateSettings
from skyserve.policy.rollout.division import REFILL_SECONDS, Division, first_to_go
from skyserve.policy.rollout.extent import needed, serves, steps_of
from skyserve.policy.rollout.standing import Standing

WATCH_SECONDS = 30.0
"""Once all requests go to the new version the old one stays for so long, idle and ready to take them back (as long as
Argo Rollouts' default `scaleDownDelaySeconds`)."""


def traffic(rollout: Rollout, settings: UpdateSettings) -> int | None:
    """Percent of the requests that go to the new version; None: rolling splits nothing. A step's share flows once its
    replicas are available, until then that of the step before."""
    if rollout.mode is UpdateMode.ROLLING:
        return None
    shares = [0, *(step.traffic for step in steps_of(rollout, settings)), 100]
    return shares[min(rollout.step + (rollout.step_since is not None), len(shares) - 1)]


def over_at(rollout: Rollout, settings: UpdateSettings) -> float | None:
    """When the old replicas may go; None: the whole traffic has not moved yet."""
    moved = rollout.step >= len(steps_of(rollout, settings)) and rollout.step_since is not None
    return rollout.step_since + WATCH_SECONDS if moved and rollout.step_since is not None else None


def shifting(standing: Standing, rollout: Rollout) -> Division:
    """New replicas as the step calls for; old ones in full, so that a lost one is replaced, until all is over."""
    over = over_at(rollout, standing.settings)
    if over is not None and over <= standing.now and standing.available >= standing.wanted:
        return Division(standing.wanted, standing.old)
    ends, kept = _leftovers(standing)
    new = needed(rollout, standing.settings, standing.wanted)
    return Division(new, ends, refill(standing, max(0, standing.full - kept)))


def refill(standing: Standing, full: int) -> int:
    """Replicas of the version before, `full` if it is worth having: one that was never ready is not added to, and one
    whose replica has just failed not yet."""
    there = len(standing.of_before())
    if standing.before is None or not standing.before.ever_ready:
        return min(there, full)
    return full if standing.now >= standing.old_failed_at + REFILL_SECONDS else min(there, full)


def _leftovers(standing: Standing) -> tuple[tuple[Replica, ...], int]:
    """Replicas of an update that was overtaken: those that end, and how many stay in the place of replicas that the
    version before lacks. As many stay as are wanted in all: they serve. One that is ill stays too, as long as nothing
    better is there: it may recover."""
    before = standing.of_before()
    left = first_to_go((r for r in standing.old if r not in before), 0)
    ready = sum(r.phase is Phase.READY for r in before)
    kept = min(max(0, standing.wanted - ready), sum(map(serves, left)))
    return tuple(left[: len(left) - kept]), min(kept, max(0, standing.full - ready))
