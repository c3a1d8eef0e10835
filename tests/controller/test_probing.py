"""What is kept of probes."""

import asyncio
from collections.abc import Iterator

from skyserve.contracts.prober import ProbeResult
from skyserve.controller.probing import TRIPS, ProbeBoard, Subject
from skyserve.model.place import Address
from skyserve.model.replica import Phase
from skyserve.model.route import Trust
from skyserve.model.service import ProbeSettings
from skyserve.sim.virtual import VirtualClock, run_virtual

SETTINGS = ProbeSettings(interval=10)
SUBJECT = Subject(Address("10.0.0.1", 80), SETTINGS, Phase.READY)


class Prober:
    """Passes, after connections that took these times."""

    def __init__(self, trips: Iterator[float | None]) -> None:
        self._trips = trips

    async def probe(self, address: Address, settings: ProbeSettings, trust: Trust | None = None) -> ProbeResult:
        """The next one."""
        return ProbeResult(True, "200", next(self._trips))

    async def close(self) -> None:
        """Nothing is held."""


def test_the_least_of_the_latest_trips() -> None:
    """The best time to connect is told until newer ones have taken its place; one that was not measured is none."""
    told: list[float | None] = []

    async def story() -> None:
        clock = VirtualClock()
        board = ProbeBoard(Prober(iter([None, 0.3, 0.1, None, *[0.2] * 2 * TRIPS])), clock, lambda: None)
        board.set({1: SUBJECT})
        for _ in range(TRIPS + 4):
            await clock.sleep(SETTINGS.interval)
            told.append(board.tally(1).trip)
        board.set({})
        await asyncio.sleep(0)
        assert board.tally(1).trip is None

    run_virtual(story())
    assert told[:4] == [None, 0.3, 0.1, 0.1]
    assert told[4 : TRIPS + 2] == [0.1] * (TRIPS - 2)
    assert told[-1] == 0.2
