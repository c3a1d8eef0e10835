"""All infras together: what they offer, and what they run for us."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from skyserve.contracts.clock import Clock
from skyserve.contracts.errors import InfraError, Transient
from skyserve.contracts.infra import CheckResult, Infra
from skyserve.model.instance import Instance, Inventory
from skyserve.model.place import Place
from skyserve.model.resources import Offer, ResourceRequest
from skyserve.model.service import Target

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often every infra is asked what it runs."""
LOOK_DEADLINE_SECONDS = 30.0
"""An infra that has not answered by then counts as not answering."""
LOCAL = "local"
"""The infra that a request without `infra:` gets only where no other is enabled."""


@dataclass(slots=True)
class Sighting:
    """What one infra said last."""

    asked_at: float = 0.0
    """When the question that it answered was put; 0: it never answered."""
    inventory: Inventory = field(default_factory=Inventory)
    by_token: dict[str, Instance] = field(default_factory=dict)
    by_service: dict[str, list[Instance]] = field(default_factory=dict)
    """The instances of the inventory, by the service's part of their tokens."""
    dark_since: float | None = None
    """It has not answered at all since then, in seconds awake."""

    def answered(self, asked_at: float, inventory: Inventory) -> None:
        """It told what it runs."""
        self.asked_at, self.inventory, self.dark_since = asked_at, inventory, None
        self.by_token = {i.token: i for i in reversed(inventory.instances)}  # of equals the first
        self.by_service = {}
        for instance in inventory.instances:
            self.by_service.setdefault(instance.token.partition("-")[0], []).append(instance)


class Fleet:
    """The infras by name, what each said last, and since when a place does not answer."""

    def __init__(self, discover: Callable[[], Sequence[Infra]], owner: str, clock: Clock) -> None:
        self._discover = discover
        self._owner = owner
        self._clock = clock
        self._infras: dict[str, Infra] = {}
        self._sightings: dict[str, Sighting] = {}
        self._dark_places: dict[Place, float] = {}
        """Since when they do not answer, in seconds awake."""
        self._uncovered: dict[Place, float] = {}
        """Places that were taken out of the configuration while they ran something of ours."""
        self._sooner: dict[str, asyncio.Event] = {}
        """By infra."""
        self._configured = asyncio.Event()
        self._watchers: list[Callable[[], None]] = []
        self._began = clock.now()
        self._enabled: list[Infra] = []
        self.refresh()

    def refresh(self) -> None:
        """Take note of infras that were configured since. One that is configured no more stays for what it runs."""
        self._enabled = list(self._discover())
        for infra in self._enabled:
            self._infras[infra.name] = infra
            self._sightings.setdefault(infra.name, Sighting())
        self._configured.set()

    def infra(self, name: str) -> Infra:
        """Raises Transient for one that is not configured, since it may be again."""
        try:
            return self._infras[name]
        except KeyError:
            raise Transient(f"{name} is not configured any more; what it runs cannot be reached") from None

    def covers(self, place: Place) -> bool:
        """The place is configured still."""
        return place.infra in self._infras and self._infras[place.infra].covers(place)

    def on_news(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever an infra said something new."""
        self._watchers.append(watcher)

    async def check(self) -> list[CheckResult]:
        """Whether each infra can be used."""
        self.refresh()
        return list(await asyncio.gather(*(infra.check() for infra in self._enabled)))

    async def offers(self, target: Target) -> tuple[Offer, ...]:
        """What the infras could give for all that the target seeks, in its order."""
        found: list[Offer] = []
        for request in target.sought:
            wanted = [i for i in self._enabled if _matches(request.infra, i.name)]
            answers = await asyncio.gather(*(self._ask(i, request, target.num_nodes) for i in wanted))
            by_name = dict(zip((i.name for i in wanted), answers, strict=True))
            if request.infra is None and any(offers for name, offers in by_name.items() if name != LOCAL):
                by_name.pop(LOCAL, None)
            found.extend(offer for offers in by_name.values() for offer in offers)
        return tuple(found)

    async def _ask(self, infra: Infra, request: ResourceRequest, num_nodes: int) -> Sequence[Offer]:
        try:
            return await infra.offers(request, num_nodes)
        except InfraError as error:
            log.warning("%s gives no offers: %s", infra.name, error)
            return ()

    async def watch(self) -> None:
        """Look at every infra again and again, until cancelled: each in a loop of its own, so that one which takes long
        to answer holds up none of the others."""
        loops: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self._configured.clear()
                for name in self._infras.keys() - loops.keys():
                    loops[name] = asyncio.create_task(self._watch(name))
                news = asyncio.ensure_future(self._configured.wait())
                done, _ = await asyncio.wait((news, *loops.values()), return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                for ended in done - {news}:
                    ended.result()  # a loop ends by an error alone, which is for whoever supervises us
        finally:
            for loop in loops.values():
                loop.cancel()
            await asyncio.gather(*loops.values(), return_exceptions=True)

    async def _watch(self, name: str) -> None:
        sooner = self._sooner.setdefault(name, asyncio.Event())
        while True:
            sooner.clear()
            await self._look_at(self._infras[name])
            for watcher in self._watchers:
                watcher()
            waiter = asyncio.ensure_future(sooner.wait())
            sleeper = asyncio.ensure_future(self._clock.sleep(LOOK_SECONDS))
            try:
                await asyncio.wait((waiter, sleeper), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiter.cancel()
                sleeper.cancel()

    def look_soon(self) -> None:
        """Something was just done to an instance: do not wait for the next look."""
        for sooner in self._sooner.values():
            sooner.set()

    async def _look_at(self, infra: Infra) -> None:
        sighting = self._sightings[infra.name]
        asked_at, awake = self._clock.now(), _awake()
        try:
            async with asyncio.timeout(LOOK_DEADLINE_SECONDS):
                inventory = await infra.inventory(self._owner)
        except (InfraError, TimeoutError) as error:
            if sighting.dark_since is None:
                log.warning("%s does not tell what it runs: %s", infra.name, error)
                sighting.dark_since = awake
            return
        sighting.answered(asked_at, inventory)
        known = {p: since for p, since in self._dark_places.items() if p.infra != infra.name}
        known |= {p: self._dark_places.get(p, awake) for p in inventory.unreachable}
        self._dark_places = known

    def all_instances(self) -> list[Instance]:
        """Everything of ours, as last seen."""
        return [i for s in self._sightings.values() for i in s.inventory.instances]

    def instance(self, infra: str, token: str) -> Instance | None:
        """As last seen."""
        sighting = self._sightings.get(infra)
        return sighting.by_token.get(token) if sighting else None

    def launched_for(self, service_id: int) -> list[Instance]:
        """What was launched for one service, as last seen."""
        return [i for s in self._sightings.values() for i in s.by_service.get(str(service_id), ())]

    def unreachable_since(self, place: Place) -> float | None:
        """Since when a place does not answer; None: it does. Time in which this machine was suspended does not count,
        for nobody asked."""
        sighting = self._sightings.get(place.infra)
        if sighting is None:  # its infra was taken out of the configuration while no controller ran
            return self._began
        if not self._infras[place.infra].covers(place):
            return self._uncovered.setdefault(place, self._clock.now())
        self._uncovered.pop(place, None)
        dark = self._dark_places.get(place) if sighting.dark_since is None else sighting.dark_since
        return None if dark is None else self._clock.now() - (_awake() - dark)

    def proves_absent(self, place: Place, token: str, after: float, *, nodes: int = 1) -> bool:
        """Its infra was asked after that time, could tell about the place, and has no such instance. Of several nodes
        some may be at any of its places, so that it must be able to tell about all."""
        sighting = self._sightings.get(place.infra)
        return (
            sighting is not None
            and sighting.asked_at > after
            and sighting.dark_since is None
            and self._infras[place.infra].covers(place)
            and place not in sighting.inventory.unreachable
            and (nodes == 1 or not sighting.inventory.unreachable)
            and self.instance(place.infra, token) is None
        )

    def asked_since(self, infra: str, at: float) -> bool:
        """What the infra runs was asked at that time or later, and it has answered; or it answers nobody now."""
        sighting = self._sightings.get(infra)
        return sighting is None or sighting.asked_at >= at or sighting.dark_since is not None

    async def close(self) -> None:
        """Let go of connections."""
        await asyncio.gather(*(infra.close() for infra in self._infras.values()))


def _awake() -> float:
    """Seconds on a clock that stands still while this machine is suspended."""
    return asyncio.get_running_loop().time()


def _matches(wanted: str | None, name: str) -> bool:
    """`ssh` in a YAML means any pool."""
    return wanted is None or wanted in (name, "*") or name.startswith(f"{wanted}/")
