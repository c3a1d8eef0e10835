"""What the infras could give for the versions of one service, asked again now and then, beside its passes: a machine
that takes its time to answer must not hold up what is to be done about the others."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from skyserve.controller.world import World
from skyserve.model.resources import Offer
from skyserve.model.service import Version

OFFERS_SECONDS = 30.0
"""How long what the infras offer is taken to hold."""


class OfferBoard:
    """The latest answers; versions that ask for the same machines share one."""

    def __init__(self, world: World, wake: Callable[[], None]) -> None:
        self._world = world
        self._wake = wake
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._asked_at: dict[str, float] = {}
        self._latest: dict[str, tuple[Offer, ...]] = {}

    def latest(self, version: Version) -> tuple[Offer, ...]:
        """Empty until there is an answer."""
        return self._latest.get(version.machine_key, ())

    def learn(self, machine_key: str, offers: Sequence[Offer]) -> None:
        """Somebody else has just asked."""
        self._asked_at[machine_key] = self._world.clock.now()
        self._latest[machine_key] = tuple(offers)

    def refresh(self, versions: Iterable[Version]) -> None:
        """Ask anew for these where the answer is old and nobody asks."""
        now = self._world.clock.now()
        for version in versions:
            key = version.machine_key
            if key not in self._asking and now - self._asked_at.get(key, 0.0) >= OFFERS_SECONDS:
                self._asked_at[key] = now
                self._asking[key] = asyncio.create_task(self._ask(version))

    async def _ask(self, version: Version) -> None:
        try:
            self._latest[version.machine_key] = await self._world.fleet.offers(version.target)
        finally:
            del self._asking[version.machine_key]
        self._wake()

    async def close(self) -> None:
        """Stop asking."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
