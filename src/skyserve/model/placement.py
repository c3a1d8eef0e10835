"""How replicas on spot machines are placed, and what is remembered for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from skyserve.model.place import Place


class SpotPlacer(StrEnum):
    """What decides where spot replicas go."""

    ADAPTIVE = "adaptive"
    """By price and losses, with rests that grow; ours."""
    DYNAMIC_FALLBACK = "dynamic_fallback"
    """SpotHedge, as its paper prints it."""
    EVEN_SPREAD = "even_spread"
    """A fixed share for each place."""
    ROUND_ROBIN = "round_robin"
    """Each launch at the next place."""
    CHEAPEST = "cheapest"
    """By price alone."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What a user asked for."""

    placer: SpotPlacer = SpotPlacer.ADAPTIVE
    extra: int = 0
    """Spot replicas beyond the number wanted: by a placer whose extra is fixed, so many; by `adaptive`, at most."""
    base_on_demand: int = 0
    """Of the replicas wanted, so many are on-demand at all times."""
    stand_in: bool = False
    """Whether on-demand machines stand in for spot machines that are missing."""


@dataclass(frozen=True, slots=True)
class PlaceMemory:
    """What is known of one place."""

    preempting: bool = False
    """It took a replica or refused one, and gave none that became ready since (Z_P of SpotHedge)."""
    setbacks: int = 0
    """Losses and refusals in a row."""
    rests_until: float = 0.0
    """Seconds since the epoch; not asked before."""
    losses: float = 0.0
    """Losses, older ones counting less."""
    hours: float = 0.0
    """Time that a replica was held there, older hours counting less."""
    at: float = 0.0
    """When those two were counted (seconds since the epoch)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a placement policy knows from earlier passes. A new service begins with an empty one.

    It is kept in the database, so that a restart forgets no place that rests.
    """

    places: Mapping[str, PlaceMemory] = field(default_factory=dict)
    """By the place's key."""
    counted: frozenset[int] = frozenset()
    """Replicas shown as ended whose end is taken into account."""
    arrived: frozenset[int] = frozenset()
    """Replicas held that are known to have become ready."""
    doomed: frozenset[int] = frozenset()
    """Replicas held whose notice is taken into account."""
    turn: int = 0
    """Launches so far."""
    at: float | None = None
    """When this was written (seconds since the epoch); None: nothing was decided yet."""
    cold_start_seconds: float | None = None
    """From the decision to launch until ready, as the latest replicas took; None: none was ready yet."""
    notice_seconds: float | None = None
    """How long before the latest loss it was told; 0: not at all; None: nothing was lost yet."""

    def of(self, place: Place) -> PlaceMemory:
        """What is known of a place; of a new one, nothing."""
        return self.places.get(place.key, _NOTHING)

    def with_place(self, place: Place, known: PlaceMemory) -> "Memory":
        """The memory with one place known anew."""
        return replace(self, places={**self.places, place.key: known})


_NOTHING = PlaceMemory()
