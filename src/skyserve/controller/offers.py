"""What the infras could give for one service, asked again now and then, beside its passes: a machine that takes its
time to answer must not hold up what is to be done about the others."""

import asyncio
from collections.abc import Callable, Sequence

from skyserve.controller.world import World
from skyserve.model.resources import Offer
from skyserve.model.service import Target

OFFERS_SECONDS = 30.0
"""How long what the infras offer is taken to hold."""


class OfferBoard:
    """The latest answer; empty until there is one."""

    def __init__(self, world: World, wake: Callable[[], None], offers: Sequence[Offer] = ()) -> None:
        """`offers`: known already."""
        self._world = world
        self._wake = wake
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = world.clock.now() if offers else 0.0
        self.latest = tuple(offers)

    def refresh(self, target: Target) -> None:
        """Ask anew if the answer is old and nobody asks."""
        now = self._world.clock.now()
        if self._asking is None and now - self._asked_at >= OFFERS_SECONDS:
            self._asked_at = now
            self._asking = asyncio.create_task(self._ask(target))

    async def _ask(self, target: Target) -> None:
        try:
            self.latest = await self._world.fleet.offers(target)
        finally:
            self._asking = None
        self._wake()

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
