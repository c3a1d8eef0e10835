"""What a placement policy sees, and what it answers."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from skyserve.model.place import Place
from skyserve.model.placement import Memory
from skyserve.model.resources import Offer


class Held(NamedTuple):
    """A replica that lives: asked for, starting or ready. A tuple, since each pass makes all of them anew."""

    id: int
    offer: Offer
    ready: bool = False
    accepted: bool = True
    """Its place gave the machine; False while that is not known."""
    doomed: bool = False
    """Its infra gave notice that it will be taken away. It still serves."""
    in_flight: int = 0
    """Requests that it answers now."""


class Fate(StrEnum):
    """Why a replica is no more, where that tells something about its place."""

    LOST = "lost"
    """Preempted."""
    REFUSED = "refused"
    """The place had no room for it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A replica that is no more. It may be shown again and again: memory knows what it has counted."""

    id: int
    place: Place
    fate: Fate


@dataclass(frozen=True)
class Market:
    """What is wanted, what may be had and what is held."""

    wanted: int
    """Replicas that must be ready, N."""
    spot: tuple[Offer, ...]
    """One for each place that gives spot machines."""
    on_demand: Offer | None
    """The cheapest that can always be had."""
    held: tuple[Held, ...] = ()
    """Ascending by id."""
    ended: tuple[Ended, ...] = ()
    """Lately, ascending by id."""
    extra: int = 0
    """`num_overprovision`: spot replicas beyond `wanted` by policies whose extra is fixed; the most of `adaptive`."""
    cold_start_seconds: float = 120.0
    """From a launch to ready."""
    notice_seconds: float = 0.0
    """How long before a loss the infra tells; 0: it does not."""
    reaction_seconds: float = 30.0
    """Between what happens and what is done about it, at most."""

    @cached_property
    def spots(self) -> tuple[Held, ...]:
        """Spot replicas held."""
        return tuple(h for h in self.held if h.offer.spot)

    @cached_property
    def stand_ins(self) -> tuple[Held, ...]:
        """On-demand replicas held."""
        return tuple(h for h in self.held if not h.offer.spot)

    @cached_property
    def used(self) -> Mapping[Place, int]:
        """Spot replicas at each place that has some."""
        return Counter(h.offer.place for h in self.spots)


@dataclass(frozen=True, slots=True)
class Placing:
    """One replica to launch, and why there."""

    offer: Offer
    reason: str


@dataclass(frozen=True, slots=True)
class Ending:
    """One replica to end, and why."""

    replica_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to launch and to end now, and what to remember for the next pass."""

    launches: tuple[Placing, ...]
    ends: tuple[Ending, ...]
    memory: Memory
    wake_at: float | None = None
    """Decide again no later than this, though nothing happens."""


Policy = Callable[[Market, Memory, float], Decision]
