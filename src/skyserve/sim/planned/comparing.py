"""One service under several policies, in the same world."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from skyserve.model.autoscaling import Autoscaling, ScalingPolicy
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.placement import SpotPlacer
from skyserve.model.service import Target
from skyserve.sim.planned.outcome import Outcome, outcome
from skyserve.sim.planned.series import Step, series
from skyserve.sim.planned.simulation import Simulation
from skyserve.sim.planned.world import World

STEPS = 240
"""Of the series: as many as a plot shows well."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One policy's run."""

    outcome: Outcome
    series: Sequence[Step]


def compare(
    target: Target, world: World, policies: Sequence[str] | None, slo_seconds: float, told: Callable[[str], None]
) -> list[Compared]:
    """The service as it is written, then under each policy; None: under all that concern it. `told` is called with the
    name of each before it runs. Raises ServeError."""
    found = []
    for name, variant in variants(target, world, policies).items():
        told(name)
        history = Simulation(variant, world).run()
        found.append(Compared(outcome(name, history, slo_seconds), series(history, STEPS)))
    return found


def variants(target: Target, world: World, policies: Sequence[str] | None) -> Mapping[str, Target]:
    """By name, the service as written first and not once more under that policy's name. Raises ServeError for a policy
    that does not concern it."""
    known = _placed(target) or _scaled(target, world)
    wanted = list(known) if policies is None else policies
    if unknown := [name for name in wanted if name not in known]:
        remedy = f"Write some of: {', '.join(known)}." if known else "Leave --policies out."
        raise ServeError(ErrorKind.INVALID_REQUEST, f"No policy for this service: {', '.join(unknown)}.", remedy)
    own = next((name for name, variant in known.items() if variant == target), "")
    others = {name: known[name] for name in wanted if name != own}
    return {f"{own}, as written" if own else "as written": target, **others}


def _placed(target: Target) -> dict[str, Target]:
    """A service on spot machines, by each placer."""
    placement = target.placement
    if placement is None:
        return {}
    return {str(placer): replace(target, placement=replace(placement, placer=placer)) for placer in SpotPlacer}


def _scaled(target: Target, world: World) -> dict[str, Target]:
    """Under each policy of autoscaling whose target follows from the one that is written."""
    knobs = target.autoscaling
    if knobs is None or knobs.policy not in (ScalingPolicy.REQUEST_RATE, ScalingPolicy.CONCURRENCY):
        return {}
    mean = world.engine.mean(world.requests) or 1.0
    # Little's law: requests in flight = requests a second x seconds that each takes.
    rate = knobs.per_replica / (mean if knobs.policy is ScalingPolicy.CONCURRENCY else 1.0)
    targets = {ScalingPolicy.REQUEST_RATE: rate, ScalingPolicy.CONCURRENCY: rate * mean}
    return {
        str(policy): replace(target, autoscaling=_with(knobs, policy, per_replica))
        for policy, per_replica in targets.items()
    }


def _with(knobs: Autoscaling, policy: ScalingPolicy, per_replica: float) -> Autoscaling:
    return replace(knobs, policy=policy, per_replica=per_replica)
