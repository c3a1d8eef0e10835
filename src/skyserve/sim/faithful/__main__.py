"""`python -m skyserve.sim.faithful`: one seed again, or many that were never tried."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from skyserve.sim.faithful.campaign import Tally, campaign
from skyserve.sim.faithful.run import Outcome, simulate

PROGRESS_EVERY = 50
"""Runs between two lines of progress."""


def commit() -> str:
    """What was tried: a seed says nothing without it."""
    asked = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(asked, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "an installed package"


def failure(outcome: Outcome) -> str:
    """What broke, what happened before it, and how to see it again."""
    return "\n".join(
        [
            f"seed {outcome.seed} at {commit()}: {outcome.broken}",
            *(f"    {line}" for line in outcome.last),
            f"again: python -m skyserve.sim.faithful --seed {outcome.seed} -v",
        ]
    )


def _told(tally: Tally, outcome: Outcome) -> None:
    if outcome.broken:
        sys.stdout.write(f"{failure(outcome)}\n")
    elif tally.runs % PROGRESS_EVERY == 0:
        sys.stdout.write(f"{tally.pace()}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m skyserve.sim.faithful", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one alone, and print its digest")
    parser.add_argument("-v", "--verbose", action="store_true", help="print all that happens in that run")
    parser.add_argument("--seeds", type=int, default=100, help="how many to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    return parser.parse_args()


def main() -> int:
    """0: all invariants held."""
    chosen = _arguments()
    if chosen.seed is not None:
        outcome = simulate(chosen.seed, aloud=chosen.verbose)
        words = failure(outcome) if outcome.broken else f"seed {outcome.seed}: all invariants hold"
        sys.stdout.write(f"{words}\ndigest {outcome.digest}, {outcome.seconds:.0f} virtual seconds\n")
        return int(bool(outcome.broken))
    tally = campaign(range(chosen.first, chosen.first + chosen.seeds), chosen.jobs, _told)
    sys.stdout.write(f"{tally.coverage()}\n{tally.pace()}\n")
    if tally.broken:
        seeds = ", ".join(str(outcome.seed) for outcome in tally.broken)
        sys.stdout.write(f"broken at {commit()}: {seeds}\n")
    return int(bool(tally.broken))


if __name__ == "__main__":
    sys.exit(main())
