"""Infras side by side: what one does is nothing to the others."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from skyserve.contracts.errors import Transient
from skyserve.controller.fleet import Fleet
from skyserve.infra.simulated.infra import SimulatedInfra
from skyserve.infra.simulated.world import World, Zone
from skyserve.model.instance import Inventory
from skyserve.model.place import Place
from skyserve.sim.faithful.clocks import WorldClock
from skyserve.sim.virtual import VirtualClock, run_virtual

Story = Callable[[Fleet, list["Told"], VirtualClock], Awaitable[None]]


class Told(SimulatedInfra):
    """Counts how often it was asked; may take long to answer."""

    def __init__(self, name: str, clock: VirtualClock, seconds: float = 0.0) -> None:
        super().__init__(World(clock, (Zone("a"),)), name)
        self.seconds = seconds
        self.asked = 0
        self.broken = False

    async def inventory(self, owner: str) -> Inventory:
        """After its time."""
        self.asked += 1
        await self.world.clock.sleep(self.seconds)
        if self.broken:
            raise Transient("nobody answers")
        return await super().inventory(owner)


def tell(story: Story) -> None:
    """A fleet that is watched, of one infra that answers and one that hangs."""

    async def told() -> None:
        clock = VirtualClock()
        infras = [Told("quick", clock), Told("hanging", clock, seconds=3600)]
        fleet = Fleet(lambda: infras, "me", clock)
        watching = asyncio.create_task(fleet.watch())
        try:
            await story(fleet, infras, clock)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    run_virtual(told())


def test_an_infra_that_hangs_holds_up_no_other() -> None:
    """The others are looked at as often as ever, and at once when something was done to an instance."""

    async def story(fleet: Fleet, infras: list[Told], clock: VirtualClock) -> None:
        quick, hanging = infras
        await clock.sleep(20)
        assert (quick.asked, hanging.asked) == (10, 1)
        fleet.look_soon()
        await clock.sleep(0.1)
        assert quick.asked == 11

    tell(story)


def test_an_infra_that_is_configured_later_is_looked_at() -> None:
    """Without a restart, and without waiting for those that were there before."""

    async def story(fleet: Fleet, infras: list[Told], clock: VirtualClock) -> None:
        await clock.sleep(1)
        infras.append(Told("late", clock))
        fleet.refresh()
        await clock.sleep(0.1)
        assert infras[-1].asked == 1

    tell(story)


def test_who_watches_is_told_of_each_answer() -> None:
    """News of one infra does not wait for another's."""

    async def story(fleet: Fleet, _infras: list[Told], clock: VirtualClock) -> None:
        news: list[float] = []
        fleet.on_news(lambda: news.append(clock.now()))
        began = clock.now()
        await clock.sleep(5)
        assert len([at for at in news if at <= began + 5]) >= 2

    tell(story)


def test_time_asleep_is_no_silence() -> None:
    """A place that did not answer for a moment has not been dark for the hour that this machine was suspended."""

    async def story() -> None:
        clock = WorldClock()
        infra = Told("quick", clock)
        fleet = Fleet(lambda: [infra], "me", clock)
        place = Place("quick", zone="a")
        watching = asyncio.create_task(fleet.watch())
        await clock.sleep(5)
        assert fleet.unreachable_since(place) is None
        infra.broken = True
        await clock.sleep(4)
        clock.sleep_through(3600)
        since = fleet.unreachable_since(place)
        assert since is not None
        assert 0 < clock.now() - since <= 4
        await clock.sleep(4)
        assert fleet.unreachable_since(place) == pytest.approx(since)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    run_virtual(story())
