"""What the infras could give for the versions of one service, asked again now and then, beside its passes: a machine
that takes its time to answer must not hold up what is to be done about the others."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from skyserve.controller.world import World
from skyserve.model.resources import Offer, ResourceRequest
from skyserve.model.service import Target

OFFERS_SECONDS = 30.0
"""How long what the infras offer is taken to hold."""

Question = tuple[tuple[ResourceRequest, ...], int]
"""What is sought, and for how many nodes."""


class OfferBoard:
    """The latest answers; versions that ask for the same machines share one."""

    def __init__(self, world: World, wake: Callable[[], None]) -> None:
        self._world = world
        self._wake = wake
        self._asking: dict[Question, asyncio.Task[None]] = {}
        self._asked_at: dict[Question, float] = {}
        self._latest: dict[Question, tuple[Offer, ...]] = {}

    def latest(self, target: Target) -> tuple[Offer, ...]:
        """Empty until there is an answer."""
        return self._latest.get(_question(target), ())

    def learn(self, target: Target, offers: Sequence[Offer]) -> None:
        """Somebody else has just asked."""
        self._asked_at[_question(target)] = self._world.clock.now()
        self._latest[_question(target)] = tuple(offers)

    def refresh(self, targets: Iterable[Target]) -> None:
        """Ask anew for these where the answer is old and nobody asks."""
        now = self._world.clock.now()
        for target in targets:
            question = _question(target)
            if question not in self._asking and now - self._asked_at.get(question, 0.0) >= OFFERS_SECONDS:
                self._asked_at[question] = now
                self._asking[question] = asyncio.create_task(self._ask(question, target))

    async def _ask(self, question: Question, target: Target) -> None:
        try:
            self._latest[question] = await self._world.fleet.offers(target)
        finally:
            del self._asking[question]
        self._wake()

    async def close(self) -> None:
        """Stop asking."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


def _question(target: Target) -> Question:
    return target.sought, target.num_nodes
