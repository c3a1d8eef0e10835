"""Placement policies against spot markets: `python -m bench.spot [--traces DIR] [--seeds 8]`.

DIR holds a folder for each of aws1, aws2 and aws3 of the public spot-traces collection, one JSON file a zone; a folder
that is not there is left out. For each trace: cost as a share of on-demand machines alone and availability, beside what
an independent study of the same rules found; then what the optimum leaves to gain. At the end, generated markets.
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.omniscient import omniscient
from skyserve.policy.placement import POLICIES
from skyserve.sim.spot.generated import generate
from skyserve.sim.spot.replay import Result, Setting, replay
from skyserve.sim.spot.trace import Trace, read

SKIP: Mapping[str, Mapping[str, int]] = {
    "aws1": {"us-east-2a": 1975, "us-west-2c": 1975},
    "aws2": {"us-west-2a": 1462, "us-west-2c": 1462},
    "aws3": {},
}
"""Samples by which zones of a collection began earlier than the others."""
NOTICE_SECONDS = 120.0
"""What AWS gives."""
REFERENCE: Mapping[str, Mapping[str, str]] = {
    "even_spread": {"aws1": "20.2/30.5", "aws2": "20.0/33.3", "aws3": "23.5/39.9"},
    "round_robin": {"aws1": "30.5/89.9", "aws2": "28.4/82.7", "aws3": "33.0/97.9"},
    "dynamic_fallback": {"aws1": "62.2/99.6", "aws2": "63.3/98.5", "aws3": "46.0/99.5"},
    "omniscient": {"aws1": "39.6", "aws2": "44.4", "aws3": "34.0"},
}
"""The study's full-trace numbers, at which this replay should arrive."""
RUNS: Mapping[str, tuple[str, Setting]] = {
    "even_spread": ("even_spread", Setting(extra=0)),
    "round_robin": ("round_robin", Setting(extra=0)),
    "dynamic_fallback": ("dynamic_fallback", Setting(extra=1)),
    "adaptive, no notice": ("adaptive", Setting(extra=1)),
    "adaptive, no notice, no extra": ("adaptive", Setting(extra=0)),
    "adaptive": ("adaptive", Setting(extra=1, notice_seconds=NOTICE_SECONDS)),
}


def played(trace: Trace, run: str) -> Result:
    """One replay; of even_spread, which depends on the order of places, the mean over the places to begin with."""
    policy, setting = RUNS[run]
    if policy != "even_spread":
        return replay(trace, POLICIES[policy], setting)
    zones = list(trace.capacity.items())
    turned = [replace(trace, capacity=dict(zones[i:] + zones[:i])) for i in range(len(zones))]
    results = [replay(one, POLICIES[policy], setting) for one in turned]
    mean = {f: statistics.fmean(getattr(r, f) for r in results) for f in ("cost", "availability", "full_outage")}
    return replace(results[0], **mean, hours=sum(r.hours for r in results))


def measured(name: str, trace: Trace) -> None:
    """The table of one trace."""
    print(f"\n{name}: {len(trace.capacity)} zones, {trace.hours:.0f} hours, a tick of {trace.tick_seconds:g} s")
    print(f"  {'':30}{'cost %':>7}{'available %':>13}{'none ready %':>14}{'reference':>12}{'hours/s':>10}")
    results = {}
    for run in RUNS:
        began = time.perf_counter()
        result = results[run] = played(trace, run)
        speed = result.hours / (time.perf_counter() - began)
        shares = f"{result.cost:7.1%}{result.availability:13.2%}{result.full_outage:14.2%}".replace("%", " ")
        print(f"  {run:30}{shares}{REFERENCE.get(run, {}).get(name, ''):>12}{speed:10,.0f}", flush=True)
    least = omniscient(trace, Setting())
    print(f"  {'omniscient':30}{least * 100:6.1f} {100:12.2f} {0:13.2f} {REFERENCE['omniscient'].get(name, ''):>11}")
    ours, theirs = results["adaptive"], results["dynamic_fallback"]
    print(
        f"  adaptive: {(theirs.cost - ours.cost) * 100:.1f} points below dynamic_fallback,"
        f" {(ours.cost - least) * 100:.1f} above omniscient"
    )


def unseen(seeds: int) -> None:
    """Generated markets, which no constant was chosen for."""
    print(f"\n{seeds} generated markets of 14 days: cost % / available %")
    print(
        f"  {'seed':6}{'zones':>6}{'dynamic_fallback':>20}{'adaptive, no notice':>22}{'adaptive':>16}{'omniscient':>12}"
    )
    for seed in range(seeds):
        trace = generate(seed, regions=1 + seed % 3, zones=2 + seed % 2)
        cells = [played(trace, run) for run in ("dynamic_fallback", "adaptive, no notice", "adaptive")]
        told = [f"{r.cost * 100:.1f} / {r.availability * 100:.2f}" for r in cells]
        least = omniscient(trace, Setting())
        print(
            f"  {seed:<6}{len(trace.capacity):6}{told[0]:>20}{told[1]:>22}{told[2]:>16}{least * 100:12.1f}", flush=True
        )


def main() -> None:
    """The measured traces that are there, then generated ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, help="folder with the folders aws1, aws2, aws3")
    parser.add_argument("--seeds", type=int, default=8, help="generated markets")
    arguments = parser.parse_args()
    for name, skip in SKIP.items():
        if arguments.traces and (arguments.traces / name).is_dir():
            measured(name, read(arguments.traces / name, skip))
    unseen(arguments.seeds)


if __name__ == "__main__":
    main()
