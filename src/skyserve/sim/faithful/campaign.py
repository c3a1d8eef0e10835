"""Many seeds, on all cores: how far it is, what broke, how fast it was, and which faults really struck."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context

from skyserve.sim.faithful.faults import Fault
from skyserve.sim.faithful.run import Outcome, simulate


@dataclass(slots=True)
class Tally:
    """What came of the runs so far."""

    began_at: float = field(default_factory=time.monotonic)
    runs: int = 0
    virtual_seconds: float = 0.0
    cpu_seconds: float = 0.0
    broken: list[Outcome] = field(default_factory=list)
    met: Counter[Fault] = field(default_factory=Counter)
    """How often each fault struck."""
    met_in: Counter[Fault] = field(default_factory=Counter)
    """In how many runs it did."""
    requests: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome, cpu_seconds: float) -> None:
        """One run more."""
        self.runs += 1
        self.virtual_seconds += outcome.seconds
        self.cpu_seconds += cpu_seconds
        self.met.update(outcome.met)
        self.met_in.update(outcome.met.keys())
        self.requests.update(outcome.requests)
        if outcome.broken:
            self.broken.append(outcome)

    def pace(self) -> str:
        """How fast it went."""
        seconds = max(1e-9, time.monotonic() - self.began_at)
        return (
            f"{self.runs} seeds, {len(self.broken)} broken; {self.runs / seconds:.2f} seeds/s,"
            f" {self.virtual_seconds / 3600 / seconds:.2f} simulated hours/s,"
            f" {self.cpu_seconds / max(1, self.runs):.2f} s of CPU a seed"
        )

    def coverage(self) -> str:
        """Which faults struck how often."""
        width = max(len(fault) for fault in Fault)
        rows = [f"{fault:<{width}}  {self.met[fault]:>9}  {self.met_in[fault]:>6}" for fault in Fault]
        return "\n".join([f"{'fault':<{width}}  {'times':>9}  {'runs':>6}", *rows])


def _timed(seed: int) -> tuple[Outcome, float]:
    began = time.process_time()
    outcome = simulate(seed)
    return outcome, time.process_time() - began


def campaign(seeds: Iterable[int], jobs: int, on_run: Callable[[Tally, Outcome], None]) -> Tally:
    """Run all seeds; `on_run` is told of each run as it ends, in no order."""
    tally = Tally()
    for outcome, cpu_seconds in _runs(seeds, jobs):
        tally.add(outcome, cpu_seconds)
        on_run(tally, outcome)
    return tally


def _runs(seeds: Iterable[int], jobs: int) -> Iterator[tuple[Outcome, float]]:
    if jobs <= 1:
        yield from map(_timed, seeds)
        return
    with get_context("spawn").Pool(jobs, maxtasksperchild=200) as pool:
        yield from pool.imap_unordered(_timed, seeds)
