"""Probes every replica that should answer, at its own pace, and keeps the tally of results in a row."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from skyserve.contracts.clock import Clock
from skyserve.contracts.prober import Prober, ProbeResult
from skyserve.model.place import Address
from skyserve.model.replica import Phase
from skyserve.model.route import Trust
from skyserve.model.service import ProbeSettings
from skyserve.model.snapshot import ProbeTally

FIRST_SECONDS = 0.1
"""Pause after the first probe of a replica that is starting; grows by half each time, up to EAGER_SECONDS."""
EAGER_SECONDS = 1.0
"""Longest pause between probes while the outcome is open: a replica that is starting, or has just failed a probe."""
SLOWER_TIMES = 10
"""By then the pause is EAGER_SECONDS; a power of all failures of an hour would be too large for a float."""
TRIPS = 12
"""Times to connect, the least of which counts: about two minutes of a replica that is ready. One alone would tell how
busy this machine was."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What to probe, and how."""

    address: Address
    settings: ProbeSettings
    phase: Phase
    """A starting replica is probed eagerly."""
    trust: Trust | None = None
    """By what the replica is known, if it speaks https. A new one changes no result."""
    doubtful: bool = False
    """Something else speaks against it: it is probed at once, and eagerly."""


class ProbeBoard:
    """One task a replica; `set` says which there are."""

    def __init__(self, prober: Prober, clock: Clock, wake: Callable[[], None]) -> None:
        self._prober = prober
        self._clock = clock
        self._wake = wake
        self._subjects: dict[int, Subject] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._tallies: dict[int, ProbeTally] = {}
        self._trips: dict[int, deque[float]] = {}

    def tally(self, replica_id: int) -> ProbeTally:
        """Results in a row so far."""
        return self._tallies.get(replica_id, ProbeTally())

    def set(self, subjects: Mapping[int, Subject]) -> None:
        """Probe these replicas, and no others."""
        for replica_id in self._tasks.keys() - subjects.keys():
            self._tasks.pop(replica_id).cancel()
            self._tallies.pop(replica_id, None)
            self._trips.pop(replica_id, None)
        for replica_id in self._tasks.keys() & subjects.keys():
            before, after = self._subjects[replica_id], subjects[replica_id]
            if after.settings != before.settings:  # what another probe said is no answer to this one
                self._tallies.pop(replica_id, None)
            if after.settings != before.settings or (after.doubtful and not before.doubtful):
                self._tasks.pop(replica_id).cancel()
        self._subjects = dict(subjects)
        for replica_id in subjects.keys() - self._tasks.keys():
            self._tasks[replica_id] = asyncio.create_task(self._probe_for_life(replica_id))

    async def _probe_for_life(self, replica_id: int) -> None:
        while True:
            subject = self._subjects[replica_id]
            result = await self._prober.probe(subject.address, subject.settings, subject.trust)
            before = self.tally(replica_id)
            after = replace(_count(before, result), trip=self._trip(replica_id, result))
            self._tallies[replica_id] = after
            if _matters(before, after, subject.settings):
                self._wake()
            await self._clock.sleep(self._pause(replica_id, after))

    def _trip(self, replica_id: int, result: ProbeResult) -> float | None:
        trips = self._trips.setdefault(replica_id, deque(maxlen=TRIPS))
        if result.trip is not None:
            trips.append(result.trip)
        return min(trips, default=None)

    def _pause(self, replica_id: int, tally: ProbeTally) -> float:
        subject = self._subjects[replica_id]
        passing = tally.passes >= subject.settings.rise
        failing_long = tally.failures > max(subject.settings.fall, 1) and subject.phase is Phase.NOT_READY
        if not subject.doubtful and (passing or failing_long):
            return subject.settings.interval
        eager = EAGER_SECONDS if passing else FIRST_SECONDS * 1.5 ** min(tally.failures, SLOWER_TIMES)
        return min(EAGER_SECONDS, subject.settings.interval, eager)

    async def close(self) -> None:
        """Stop probing."""
        self.set({})
        await asyncio.sleep(0)


def _count(tally: ProbeTally, result: ProbeResult) -> ProbeTally:
    if result.ready:
        return ProbeTally(passes=tally.passes + 1)
    return ProbeTally(failures=tally.failures + 1, detail=result.detail)


def _matters(before: ProbeTally, after: ProbeTally, settings: ProbeSettings) -> bool:
    """A decision may depend on it: the tally has just reached a threshold."""
    return after.passes == settings.rise or after.failures == settings.fall or bool(before.passes) != bool(after.passes)
