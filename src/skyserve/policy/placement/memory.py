"""What placement remembers from pass to pass. It is data: it goes to JSON and back, and survives a restart."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from skyserve.model.place import Place


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
    """What a policy knows from earlier passes. A new service begins with an empty one."""

    places: Mapping[Place, PlaceMemory] = field(default_factory=dict)
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

    def of(self, place: Place) -> PlaceMemory:
        """What is known of a place; of a new one, nothing."""
        return self.places.get(place, _NOTHING)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "places": [
                {"infra": p.infra, "region": p.region, "zone": p.zone, **asdict(known)}
                for p, known in sorted(self.places.items())
            ],
            "counted": sorted(self.counted),
            "arrived": sorted(self.arrived),
            "doomed": sorted(self.doomed),
            "turn": self.turn,
            "at": self.at,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Memory":
        """What `to_json` wrote."""
        places = {}
        for row in data["places"]:
            known = dict(row)
            place = Place(known.pop("infra"), known.pop("region"), known.pop("zone"))
            places[place] = PlaceMemory(**known)
        sets = {name: frozenset(data[name]) for name in ("counted", "arrived", "doomed")}
        return cls(places=places, turn=data["turn"], at=data["at"], **sets)

    def with_place(self, place: Place, known: PlaceMemory) -> "Memory":
        """The memory with one place known anew."""
        return replace(self, places={**self.places, place: known})


_NOTHING = PlaceMemory()
