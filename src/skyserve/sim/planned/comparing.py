"""One service under several policies, in the same world."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from skyserve.controller.own_policies import OwnPolicy
from skyserve.model.autoscaling import ScalingPolicy
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
    target: Target,
    world: World,
    policies: Sequence[str] | None,
    slo_seconds: float,
    *,
    own_policy: OwnPolicy | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> list[Compared]:
    """The service as it is written, then under each policy; None: under all that concern it. `own_policy`: what the
    service names to decide how many replicas. `told` is called with the name of each before it runs. Raises
    ServeError."""
    found = []
    for name, variant in variants(target, world, policies, slo_seconds).items():
        told(name)
        history = Simulation(variant, world, own_policy).run()
        found.append(Compared(outcome(name, history, slo_seconds), series(history, STEPS)))
    return found


def variants(target: Target, world: World, policies: Sequence[str] | None, slo_seconds: float) -> Mapping[str, Target]:
    """By name, the service as written first and not once more under that policy's name. Raises ServeError for a policy
    that does not concern it."""
    known = _placed(target) or _scaled(target, world, slo_seconds)
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


def _scaled(target: Target, world: World, slo_seconds: float) -> dict[str, Target]:
    """Under each policy whose target follows from the one that is written. By Little's law, requests in flight are
    requests a second x the seconds that each takes."""
    knobs = target.autoscaling
    if knobs is None or knobs.function or knobs.policy is ScalingPolicy.INSTANCE_AWARE:
        return {}
    mean = world.engine.mean(world.requests) or 1.0
    by_rate = knobs.policy is ScalingPolicy.REQUEST_RATE
    rate, in_flight = (
        knobs.per_replica * (1.0 if by_rate else 1 / mean),
        knobs.per_replica * (mean if by_rate else 1.0),
    )
    latency = knobs.latency or slo_seconds
    made = (
        replace(knobs, policy=ScalingPolicy.REQUEST_RATE, per_replica=rate, latency=0.0),
        replace(knobs, policy=ScalingPolicy.CONCURRENCY, per_replica=in_flight, latency=0.0),
        replace(knobs, policy=ScalingPolicy.LATENCY, per_replica=in_flight, latency=latency),
    )
    return {str(each.policy): replace(target, autoscaling=each) for each in made}
