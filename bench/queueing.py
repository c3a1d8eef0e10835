"""Autoscaling policies under measured requests: `python -m bench.queueing [--traces DIR] [--only NAME ...]`.

DIR holds the public traces azure-2023-conv.csv, azure-2023-code.csv and mooncake-conversation.jsonl; one that is not
there is left out. Without DIR a made-up day's afternoon is used. Each is scaled (skyserve.sim.requests.shaping) until
IN_FLIGHT requests are in flight on average, which is what 20 replicas of 4 places can just answer, and told twice; the
first time is left out of the count.

For each policy, at three targets, given as the share of a replica's places that is to be busy: the share of requests
that waited no longer than a second for a place, the replica-hours, and how many times those of an oracle that knows the
future and attains as much. The policies are those of the planner, with its stabilisation, in the event-driven world.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.oracle import Bill, attained, bills, hours_for
from skyserve.model.autoscaling import Autoscaling, ScalingPolicy
from skyserve.model.place import Place
from skyserve.model.service import Target
from skyserve.sim.planned.outcome import percentile
from skyserve.sim.planned.simulation import Simulation
from skyserve.sim.planned.world import World
from skyserve.sim.requests.engine import Engine
from skyserve.sim.requests.generated import generate
from skyserve.sim.requests.shaping import lasting, scaled
from skyserve.sim.requests.trace import RequestTrace, gathered, read
from skyserve.sim.spot.trace import Trace

FILES = ("azure-2023-conv.csv", "azure-2023-code.csv", "mooncake-conversation.jsonl")
IN_FLIGHT = 80.0
"""Requests on average: enough for 20 replicas to be busy throughout."""
ROUNDS = 2
SLO_SECONDS = 1.0
"""Longest wait for a place. What comes after it, until the first byte, no number of replicas makes shorter."""
BUSY = (0.6, 0.75, 0.9)
DELAYS: Mapping[str, tuple[float, float]] = {"300/1200 s": (300.0, 1200.0), "30/300 s": (30.0, 300.0)}
"""upscale_delay_seconds and downscale_delay_seconds: as they are unless written, and quick ones."""
MOST = 60
"""max_replicas: far above what is needed."""


def prepared(trace: RequestTrace) -> World:
    """The trace at the size of the fleet, in a world without spot machines."""
    engine = Engine(places=4)
    in_flight = engine.mean(trace) * len(trace.at) / trace.seconds
    requests = scaled(trace, IN_FLIGHT / in_flight)
    hours = ROUNDS * trace.seconds / 3600
    zones = Trace(hours * 3600, {Place("cloud", "west", "west-a"): (0,)})
    return World(zones, lasting(requests, hours * 3600), hours, engine)


def policies(world: World, busy: float) -> Mapping[str, Autoscaling]:
    """At a target of so many busy places: in flight for each replica, or by Little's law requests a second."""
    in_flight = busy * world.engine.places
    rate = in_flight / world.engine.mean(world.requests)
    return {
        "request_rate": Autoscaling(ScalingPolicy.REQUEST_RATE, rate, 1, MOST),
        "concurrency": Autoscaling(ScalingPolicy.CONCURRENCY, in_flight, 1, MOST),
        "latency": Autoscaling(ScalingPolicy.LATENCY, in_flight, 1, MOST, latency=_late(world)),
    }


def _late(world: World) -> float:
    """The longest wait allowed and half as much again as it takes to read 95 % of the prompts, whose sizes vary from
    minute to minute."""
    return SLO_SECONDS + 1.5 * percentile(sorted(world.engine.first_byte(world.requests)), 95)


def measured(world: World, knobs: Autoscaling, since: float) -> Bill:
    """One policy's run, from `since` on."""
    history = Simulation(Target(1, 8080, autoscaling=knobs), world).run()
    end = world.hours * 3600
    paid = sum(
        m.on_demand * max(0.0, m.at + seconds - max(since, m.at)) for m, seconds in history.spans() if m.at <= end
    )
    return Bill(attained(history.traffic, SLO_SECONDS, since, end), paid / 3600)


def table(name: str, trace: RequestTrace) -> None:
    """All policies on one trace."""
    world = prepared(trace)
    since = trace.seconds
    oracle = bills(world, SLO_SECONDS, since)
    counted = len([at for at in world.requests.at if at >= since])
    mean = world.engine.mean(world.requests)
    busy_hours = mean * counted / world.engine.places / 3600
    print(f"\n{name}: {counted:,} requests of {mean:.2f} s in {(world.hours * 3600 - since) / 3600:.2f} hours")
    print(f"  never an empty place: {busy_hours:.1f} replica-hours")
    told = ", ".join(f"{share:.0%} for {hours_for(oracle, share):.1f}" for share in (1.0, 0.99, 0.95, 0.9))
    print(f"  oracle: {told}")
    print(
        f"  {'policy':14}{'delays':12}{'busy':>6}{'in time':>10}{'replica-hours':>15}{'oracle':>9}{'ratio':>7}{'s':>6}"
    )
    for label, (up, down) in DELAYS.items():
        for busy in BUSY:
            for policy, knobs in policies(world, busy).items():
                began = time.perf_counter()
                bill = measured(world, replace(knobs, upscale_delay=up, downscale_delay=down), since)
                best = hours_for(oracle, bill.attained)
                took = time.perf_counter() - began
                print(
                    f"  {policy:14}{label:12}{busy:6.0%}{bill.attained:10.2%}{bill.replica_hours:15.1f}{best:9.1f}"
                    f"{bill.replica_hours / best:7.2f}{took:6.0f}",
                    flush=True,
                )


def main() -> None:
    """Each trace that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, help="folder with the traces")
    parser.add_argument("--only", nargs="+", default=[], help="names of files")
    arguments = parser.parse_args()
    if arguments.traces is None:
        day = generate(0, rate=1.0, hours=18)
        table("made up, from noon to six", gathered((at - 43_200, p, a) for at, p, a in _rows(day) if at >= 43_200))
        return
    for name in arguments.only or FILES:
        if (arguments.traces / name).is_file():
            table(name, read(arguments.traces / name))


def _rows(trace: RequestTrace) -> "zip[tuple[float, int, int]]":
    return zip(trace.at, trace.prompt, trace.answer, strict=True)


if __name__ == "__main__":
    main()
