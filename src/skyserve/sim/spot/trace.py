"""The capacity of spot zones over time: read from files, cut to a common time, turned into ticks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skyserve.model.place import Place

TICK_SECONDS = 30.0
"""How often a policy decides, about: the gap between two samples is cut into whole ticks."""
UNLIMITED = 1_000
"""What a trace that says only "some" or "none" stands for when it says "some"."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Zones over the same time, sample by sample."""

    gap_seconds: float
    capacity: Mapping[Place, tuple[int, ...]]
    """How many machines each zone gives at each sample; equally long."""

    @property
    def samples(self) -> int:
        """How many there are."""
        return min((len(row) for row in self.capacity.values()), default=0)

    @property
    def hours(self) -> float:
        """How long it lasts."""
        return self.samples * self.gap_seconds / 3600

    @property
    def ticks_a_sample(self) -> int:
        """Whole ticks of about TICK_SECONDS."""
        return max(1, round(self.gap_seconds / TICK_SECONDS))

    @property
    def tick_seconds(self) -> float:
        """Between two decisions."""
        return self.gap_seconds / self.ticks_a_sample


def read(folder: Path, skip: Mapping[str, int] | None = None) -> Trace:
    """A folder of `<zone>_*.json`, each with `metadata.gap_seconds` and `data`, one count a sample.

    `skip`: samples to leave out at the beginning of a zone, where its measurement began before the others'; all are
    cut to the shortest. Raises ValueError where the files do not fit each other.
    """
    rows, gaps = {}, set()
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        zone = path.stem.partition("_")[0]
        rows[Place("aws", zone.rstrip("abcdef"), zone)] = tuple(content["data"])[(skip or {}).get(zone, 0) :]
        gaps.add(float(content["metadata"]["gap_seconds"]))
    if len(gaps) != 1:
        raise ValueError(f"{folder}: expected JSON files of one gap_seconds, found {sorted(gaps) or 'no file'}")
    length = min(map(len, rows.values()))
    return Trace(gaps.pop(), {place: _machines(row[:length]) for place, row in rows.items()})


def _machines(row: tuple[int, ...]) -> tuple[int, ...]:
    return row if max(row) > 1 else tuple(UNLIMITED if seen else 0 for seen in row)
