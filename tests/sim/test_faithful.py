"""The real controller through storms of faults: no invariant breaks, and equal seeds have equal histories."""

import datetime
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skyserve.sim.faithful.__main__ import failure
from skyserve.sim.faithful.faults import Fault
from skyserve.sim.faithful.run import simulate

FOUND = [
    int(line.split(maxsplit=1)[0])
    for line in (Path(__file__).parent / "seeds.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
TODAY = 1_000_000 + datetime.datetime.now(datetime.UTC).toordinal() * 1000
"""The first of the seeds that are new each day; a failure names the one that broke."""


@pytest.mark.parametrize("seed", FOUND)
def test_seeds_that_found_something_find_no_more(seed: int) -> None:
    """What a seed brought to light stays mended."""
    outcome = simulate(seed)
    assert not outcome.broken, failure(outcome)


@pytest.mark.parametrize("seed", range(TODAY, TODAY + 5))
def test_new_seeds_every_day(seed: int) -> None:
    """Whatever goes wrong, all invariants hold."""
    outcome = simulate(seed)
    assert not outcome.broken, failure(outcome)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_new_seeds() -> None:
    """As above; and between them they meet every kind of fault."""
    met: set[Fault] = set()
    for seed in range(TODAY + 100, TODAY + 200):
        outcome = simulate(seed)
        assert not outcome.broken, failure(outcome)
        met |= outcome.met.keys()
    assert met == set(Fault)


def test_equal_seeds_have_equal_histories() -> None:
    """Twice in one process, and in another one whose sets have another order."""
    digest = simulate(1).digest
    assert simulate(1).digest == digest
    assert simulate(2).digest != digest
    command = [sys.executable, "-m", "skyserve.sim.faithful", "--seed", "1"]
    other = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, text=True)
    assert f"digest {digest}," in other.stdout
