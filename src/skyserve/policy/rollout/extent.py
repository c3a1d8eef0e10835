"""How many replicas an update moves at the same time, from its settings and the number wanted."""

from collections.abc import Iterable
from math import ceil

from skyserve.model.replica import Phase, Replica
from skyserve.model.rollout import CanaryStep, Rollout, UpdateMode, UpdateSettings
from skyserve.model.service import Service, Target
from skyserve.policy.wanted import wanted_replicas


def serves(replica: Replica) -> bool:
    """It was ready: to end it may take something away."""
    return replica.phase in (Phase.READY, Phase.NOT_READY)


def surge(settings: UpdateSettings, mode: UpdateMode, wanted: int) -> int:
    """Replicas that there may be above the number wanted while a few are exchanged at a time. One where percentages
    leave nothing to move with: rounding is no wish to stand still."""
    most = settings.max_surge.up(wanted)
    return most if most or unavailable(settings, mode, wanted) else 1


def unavailable(settings: UpdateSettings, mode: UpdateMode, wanted: int) -> int:
    """Replicas that may be missing of the number wanted. None in a mode that promises the old ones in full, where what
    runs on by itself leaves a few to be rolled."""
    return min(wanted, settings.max_unavailable.down(wanted)) if mode is UpdateMode.ROLLING else 0


def steps_of(rollout: Rollout, settings: UpdateSettings) -> tuple[CanaryStep, ...]:
    """The steps before the whole traffic moves."""
    return settings.canary_steps if rollout.mode is UpdateMode.CANARY else ()


def needed(rollout: Rollout, settings: UpdateSettings, wanted: int) -> int:
    """New replicas that the present step of a canary calls for, or blue-green."""
    steps = steps_of(rollout, settings)
    if rollout.step >= len(steps):
        return wanted
    return min(wanted, max(1, ceil(wanted * steps[rollout.step].traffic / 100)))


def tried_at_once(service: Service, target: Target, replicas: Iterable[Replica]) -> int:
    """Replicas of the version wanted that can fail independently of what became of the others: all that are wanted, or
    as many as its update lets in beside the old ones that serve. At least one."""
    wanted, rollout, settings = wanted_replicas(service, target), service.rollout, target.update
    if rollout is None:
        return max(1, wanted)
    if rollout.mode is not UpdateMode.ROLLING:
        return max(1, needed(rollout, settings, wanted))
    old = sum(serves(replica) and not replica.doomed and replica.version != rollout.version for replica in replicas)
    most = wanted + surge(settings, rollout.mode, wanted) + unavailable(settings, rollout.mode, wanted) - old
    return max(1, min(wanted, most))
