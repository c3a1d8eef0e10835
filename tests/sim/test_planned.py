"""The real planner in a world of events."""

from dataclasses import replace

import pytest

from skyserve.model.autoscaling import Autoscaling, ScalingPolicy
from skyserve.model.error import ServeError
from skyserve.model.place import Place
from skyserve.model.placement import Placement, SpotPlacer
from skyserve.model.resources import ResourceRequest
from skyserve.model.schedule import Window
from skyserve.model.service import Target
from skyserve.sim.planned.comparing import compare, variants
from skyserve.sim.planned.outcome import Outcome, outcome, percentile
from skyserve.sim.planned.series import series
from skyserve.sim.planned.simulation import Simulation
from skyserve.sim.planned.world import World
from skyserve.sim.requests.engine import Engine
from skyserve.sim.requests.generated import generate
from skyserve.sim.requests.trace import gathered
from skyserve.sim.spot.trace import Trace

QUIET = gathered([])
ZONES = Trace(300.0, {Place("cloud", "west", "west-a"): (9,) * 36, Place("cloud", "west", "west-b"): (9,) * 36})
"""Three hours."""
WORLD = World(ZONES, QUIET, hours=3.0)
FOLLOWING = Autoscaling(ScalingPolicy.CONCURRENCY, 4.0, low=0, high=10, upscale_delay=60, downscale_delay=300)


def come_to(target: Target, world: World) -> Outcome:
    """What a run came to."""
    return outcome("", Simulation(target, world).run(), 2.0)


def test_a_fixed_number_costs_its_price() -> None:
    """Two replicas for three hours, paid from their launch on and ready after a cold start."""
    told = come_to(Target(2, 8080), WORLD)
    assert told.usd == pytest.approx(2 * 3 * 3.0, rel=0.001)
    assert told.launches == 2
    assert 1 - told.availability == pytest.approx(120 / 10_800, rel=0.05)


def test_a_machine_costs_what_its_accelerator_does() -> None:
    """Prices are by accelerator, and a replica pays for all its nodes."""
    dear = replace(WORLD, on_demand_usd={"": 3.0, "A100": 7.0})
    assert come_to(Target(1, 8080, num_nodes=2), dear).usd == pytest.approx(18, rel=0.001)


def test_replicas_follow_the_requests_and_go_with_them() -> None:
    """Half an hour of load wakes the service from zero; some time after the last request it is at zero again."""
    busy = gathered((at / 2, 1000, 200) for at in range(3600))
    run = Simulation(Target(0, 8080, autoscaling=FOLLOWING), replace(WORLD, requests=busy)).run()
    told, steps = outcome("", run, 2.0), series(run, 36)
    assert max(step.ready for step in steps) >= 4
    assert steps[-1].wanted == steps[-1].on_demand == 0
    # Two a second: of the two minutes of a cold start, patience lasts through the second.
    assert [told.refused, told.held] == pytest.approx([120, 120], abs=10)
    assert told.usd < 10 * 3 * 3.0 / 3


def test_what_waits_was_caused_by_too_few_replicas() -> None:
    """One replica for more than it can answer: most of the requests miss their time; with enough replicas none."""
    busy = replace(WORLD, requests=generate(1, rate=2.0, hours=3), engine=Engine(places=4))
    few, enough = (come_to(Target(count, 8080), busy) for count in (1, 12))
    assert few.within_slo < 0.1
    assert enough.within_slo > 0.95
    assert few.waited_mean > 100 * enough.waited_mean


def test_money_and_time_add_up_over_the_steps() -> None:
    """The series is the same run as the outcome."""
    world = replace(WORLD, requests=generate(2, rate=1.0, hours=3))
    run = Simulation(Target(0, 8080, autoscaling=replace(FOLLOWING, low=1)), world).run()
    told, steps = outcome("", run, 2.0), series(run, 90)
    assert steps[-1].usd == pytest.approx(told.usd)
    assert sum(step.spot + step.on_demand for step in steps) * 3 / 90 == pytest.approx(told.replica_hours)


def test_a_run_repeats() -> None:
    """The same world gives the same outcome to the last digit."""
    world = replace(WORLD, requests=generate(3, rate=1.0, hours=3))
    target = Target(0, 8080, autoscaling=FOLLOWING)
    assert come_to(target, world) == come_to(target, world)


def test_policies_are_compared_at_one_target() -> None:
    """By Little's law: so many in flight at a replica are so many a second times the seconds that each takes."""
    world = replace(WORLD, requests=gathered([(0.0, 8000, 25), (1.0, 8000, 75)]))  # 2 s and 4 s
    made = variants(Target(1, 8080, autoscaling=FOLLOWING), world, None, 2.0)
    assert list(made) == ["concurrency, as written", "request_rate", "latency"]
    knobs = made["request_rate"].autoscaling
    assert knobs is not None
    assert knobs.per_replica == pytest.approx(4.0 / 3)
    told: list[str] = []
    compared = compare(Target(1, 8080), replace(world, hours=0.1), None, 2.0, told=told.append)
    assert told == [run.outcome.policy for run in compared] == ["as written"]


def test_a_function_of_the_users_own_decides() -> None:
    """It is asked in place of all policies, and nothing is compared with it."""
    target = Target(1, 8080, autoscaling=replace(FOLLOWING, low=1, function="mine:three", upscale_delay=0.0))
    (only,) = compare(target, WORLD, None, 2.0, own_policy=lambda _snapshot, _seen: 3)
    assert only.outcome.policy == "as written"
    assert only.series[-1].wanted == only.series[-1].ready == 3


def test_hours_of_a_schedule_are_kept() -> None:
    """From one to two o'clock there are four, else one; the simulation begins at midnight, UTC."""
    window = Window("0 1 * * *", "UTC", 3600, low=4, high=4)
    run = Simulation(Target(1, 8080, schedule=(window,)), WORLD).run()
    assert [round(step.wanted) for step in series(run, 6)] == [1, 1, 4, 4, 1, 1]


def test_spot_machines_that_are_taken_are_replaced() -> None:
    """A zone that runs dry takes its machines with notice; the other one takes over, and hardly anybody notices."""
    dry = replace(ZONES, capacity=dict.fromkeys([*ZONES.capacity][:1], (9,) * 12 + (0,) * 12 + (9,) * 12))
    zones = replace(dry, capacity={**ZONES.capacity, **dry.capacity})
    asked = ResourceRequest(use_spot=True)
    target = Target(3, 8080, requests=(asked,), placement=Placement(SpotPlacer.ROUND_ROBIN))
    told = come_to(target, replace(WORLD, zones=zones, requests=generate(1, rate=0.5, hours=3)))
    assert told.preemptions > 0
    assert told.spot_share == 1.0
    assert told.availability > 0.95
    assert told.usd == pytest.approx(9.0, rel=0.1)
    assert told.cut <= 20


def test_a_policy_that_does_not_concern_the_service_is_refused() -> None:
    """With those that do."""
    with pytest.raises(ServeError, match="nonsense") as refusal:
        variants(Target(1, 8080, autoscaling=FOLLOWING), WORLD, ["nonsense"], 2.0)
    assert "request_rate, concurrency" in refusal.value.remedy
    with pytest.raises(ServeError, match="concurrency") as refusal:
        variants(Target(1, 8080), WORLD, ["concurrency"], 2.0)
    assert "--policies" in refusal.value.remedy


def test_percentiles_are_values_that_were_measured() -> None:
    """The nearest rank."""
    assert [percentile([1, 2, 3, 4], p) for p in (0, 25, 50, 51, 95, 100)] == [1, 1, 2, 3, 4, 4]
    assert percentile([], 95) == 0
