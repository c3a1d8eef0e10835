"""How fast each level of simulation is: `python -m bench.simulators [--traces DIR]`.

Simulated hours for each second of CPU: the replay of placement policies, on generated markets or on a folder with
aws1, aws2 and aws3; the planner in a world of events, with and without requests; and the whole controller in its storm
of faults. The levels answer different questions, so they are to be compared with what they are needed for, not with
each other.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.spot import RUNS, SKIP
from skyserve.model.autoscaling import Autoscaling, ScalingPolicy
from skyserve.model.placement import Placement
from skyserve.model.resources import ResourceRequest
from skyserve.model.service import Target
from skyserve.policy.placement import POLICIES
from skyserve.sim.planned.simulation import Simulation
from skyserve.sim.planned.world import World
from skyserve.sim.requests.generated import generate as make_requests
from skyserve.sim.requests.trace import gathered
from skyserve.sim.spot.generated import generate
from skyserve.sim.spot.replay import replay
from skyserve.sim.spot.trace import Trace, read

DAYS = 7.0
RATE = 1.0
"""Requests a second, where there are any."""


def timed(label: str, hours: float, work: Callable[[], str]) -> None:
    """One row."""
    began = time.process_time()
    told = work()
    print(f"  {label:50}{hours / (time.process_time() - began):12,.0f}  {told}", flush=True)


def replays(name: str, trace: Trace) -> None:
    """Placement policies alone."""
    for run in ("adaptive", "dynamic_fallback"):
        policy, setting = RUNS[run]

        def work(policy: str = policy) -> str:
            return f"{replay(trace, POLICIES[policy], setting).decisions:,} decisions"

        timed(f"replay, {name}, {run}", trace.hours, work)


def planned() -> None:
    """The planner in a world of events."""
    quiet = World(generate(0, days=DAYS, regions=3, zones=3), gathered([]), DAYS * 24)
    asked = replace(quiet, requests=make_requests(0, rate=RATE, hours=quiet.hours))
    spot = Target(3, 8080, requests=(ResourceRequest(use_spot=True),), placement=Placement(stand_in=True))
    following = Target(1, 8080, autoscaling=Autoscaling(ScalingPolicy.CONCURRENCY, 5.0, 1, 20))
    for label, target, world in (
        ("3 on spot machines, no requests", spot, quiet),
        (f"3 on spot machines, {RATE:g} request a second", spot, asked),
        (f"follows the load, {RATE:g} request a second", following, asked),
    ):

        def work(target: Target = target, world: World = world) -> str:
            return f"{Simulation(target, world).run().passes:,} passes, {len(world.requests.at):,} requests"

        timed(f"planned, {label}", world.hours, work)


def main() -> None:
    """All levels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, help="folder with the folders aws1, aws2, aws3")
    arguments = parser.parse_args()
    print(f"  {'':50}{'hours/s':>12}")
    replays("generated", generate(0, days=DAYS, regions=3, zones=3))
    for name, skip in SKIP.items():
        if arguments.traces and (arguments.traces / name).is_dir():
            replays(name, read(arguments.traces / name, skip))
    planned()


if __name__ == "__main__":
    main()
