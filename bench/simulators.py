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
from functools import partial
from pathlib import Path

from bench.spot import RUNS, SKIP
from skyserve.model.autoscaling import Autoscaling, ScalingPolicy
from skyserve.model.placement import Placement
from skyserve.model.resources import ResourceRequest
from skyserve.model.service import Target
from skyserve.policy.placement import POLICIES
from skyserve.sim.faithful.run import simulate
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
SEEDS = 10
"""Of the faithful simulation."""


def timed(label: str, work: Callable[[], tuple[float, str]]) -> None:
    """One row. `work` returns the hours that it simulated and what was done in them."""
    began = time.process_time()
    hours, told = work()
    print(f"  {label:50}{hours / (time.process_time() - began):12,.1f}  {told}", flush=True)


def replayed(trace: Trace, run: str) -> tuple[float, str]:
    """A placement policy alone."""
    policy, setting = RUNS[run]
    result = replay(trace, POLICIES[policy], setting)
    return result.hours, f"{result.decisions:,} decisions"


def planned(target: Target, world: World) -> tuple[float, str]:
    """The planner in a world of events."""
    passes = Simulation(target, world).run().passes
    return world.hours, f"{passes:,} passes, {len(world.requests.at):,} requests"


def faithful(seeds: int) -> tuple[float, str]:
    """The whole controller in storms of faults."""
    seconds = sum(simulate(seed).seconds for seed in range(seeds))
    return seconds / 3600, f"{seeds} seeds"


def levels(traces: Path | None) -> None:
    """All rows."""
    markets = {"generated": generate(0, days=DAYS, regions=3, zones=3)}
    for name, skip in SKIP.items():
        if traces and (traces / name).is_dir():
            markets[name] = read(traces / name, skip)
    for name, trace in markets.items():
        for run in ("adaptive", "dynamic_fallback"):
            timed(f"replay, {name}, {run}", partial(replayed, trace, run))
    quiet = World(markets["generated"], gathered([]), DAYS * 24)
    asked = replace(quiet, requests=make_requests(0, rate=RATE, hours=quiet.hours))
    spot = Target(3, 8080, requests=(ResourceRequest(use_spot=True),), placement=Placement(stand_in=True))
    following = Target(1, 8080, autoscaling=Autoscaling(ScalingPolicy.CONCURRENCY, 5.0, 1, 20))
    timed("planned, 3 on spot machines, no requests", partial(planned, spot, quiet))
    timed(f"planned, 3 on spot machines, {RATE:g} request a second", partial(planned, spot, asked))
    timed(f"planned, follows the load, {RATE:g} request a second", partial(planned, following, asked))
    timed("faithful", partial(faithful, SEEDS))


def main() -> None:
    """All levels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, help="folder with the folders aws1, aws2, aws3")
    arguments = parser.parse_args()
    print(f"  {'':50}{'hours/s':>12}")
    levels(arguments.traces)


if __name__ == "__main__":
    main()
