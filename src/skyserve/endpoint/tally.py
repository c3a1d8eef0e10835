"""What is counted of each service's requests within Envoy, read from the file that it is counted in, whose shape is
that of native/tally.h. Totals outlive Envoy and the controller."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from skyserve.model.key import KeyCount
from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.traffic import Answers, Spread

_FORMAT = 0x736B7974616C0001
STATUSES, BOUNDS, REPLICAS, KEYS = 64, 64, 1024, 4096
_SPREAD, _PLACE, _USAGE = BOUNDS + 1, 2, 3
_SERIES = STATUSES + 2 * _SPREAD
_BYTES = 8
"""Of each number."""

_AT_STATUSES = 1 + BOUNDS
"""Where they begin, in numbers; so do the others, in this order."""
_AT_FIRST_BYTE = _AT_STATUSES + STATUSES
_AT_REPLICAS = _AT_FIRST_BYTE + _SPREAD
_AT_KEYS = _AT_REPLICAS + _PLACE * REPLICAS
_AT_SERIES = _AT_KEYS + _PLACE * KEYS
_AT_USAGES = _AT_SERIES + _SERIES * REPLICAS
_NUMBERS = _AT_USAGES + _USAGE * KEYS

_REPLICA, _BUSY = 1 << 63, 2**64 - 1
"""Names of replicas have that bit. The other is the name of a place that is just being given to somebody else."""

_NOTHING = Spread()


@dataclass(slots=True)
class Series:
    """Requests that one replica had the last word on while it was of one version, or that came to none."""

    counts: dict[int, int] = field(default_factory=dict)
    """By status; 0: the client went before there was one."""
    first_byte: Spread = _NOTHING
    duration: Spread = _NOTHING

    def answers(self) -> tuple[Answers, ...]:
        """Ascending by status."""
        return tuple(Answers(status, count) for status, count in sorted(self.counts.items()))


Numbers = memoryview
ByReplica = Mapping[tuple[int, int], Series]
"""By replica and version; 0 and 0 stand for no replica."""


def first_bytes_of(path: Path) -> tuple[int, ...]:
    """For each of FIRST_BYTE_BOUNDS, how many answers began within it; empty: nothing is counted there yet."""
    try:
        with _opened(path) as file:
            return _spread(_read(file, _AT_FIRST_BYTE, _SPREAD)).within
    except FileNotFoundError:
        return ()


def keys_of(path: Path) -> Mapping[int, KeyCount] | None:
    """By key id. None: nothing is counted there yet."""
    try:
        with _opened(path) as file:
            names = list(_names(_read(file, _AT_KEYS, _PLACE * KEYS)))
            usages = _read(file, _AT_USAGES, _USAGE * KEYS)
    except FileNotFoundError:
        return None
    found: dict[int, KeyCount] = {}
    for place, key in names:
        requests, refused, tokens = usages[_USAGE * place : _USAGE * (place + 1)]
        before = found.get(key, KeyCount())
        found[key] = KeyCount(before.requests + requests, before.tokens + tokens, before.refused + refused)
    return found


def series_of(path: Path) -> ByReplica:
    """Empty: nothing is counted there yet."""
    found: dict[tuple[int, int], Series] = {}
    try:
        with _opened(path) as file:
            statuses = [status - 1 for status in _read(file, _AT_STATUSES, STATUSES) if status]
            for place, name in _names(_read(file, _AT_REPLICAS, _PLACE * REPLICAS)):
                numbers = _read(file, _AT_SERIES + _SERIES * place, _SERIES)
                named = ((name ^ _REPLICA) >> 32, name & 0xFFFFFFFF)
                _add(found.setdefault(named, Series()), statuses, numbers)
    except FileNotFoundError:
        return {}
    return found


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Raises FileNotFoundError if there is none, or it has another shape: another version counts there."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size != _BYTES * _NUMBERS or _read(file, 0, 1)[0] != _FORMAT:
            raise FileNotFoundError(path)
        yield file


def _read(file: BinaryIO, at: int, count: int) -> Numbers:
    """Numbers are counted on meanwhile; each is whole."""
    file.seek(_BYTES * at)
    return memoryview(file.read(_BYTES * count)).cast("Q")


def _names(places: Numbers) -> Iterator[tuple[int, int]]:
    """Where, and whose. Places are taken in their order."""
    for place, name in enumerate(places[::_PLACE]):
        if name == 0:
            return
        if name != _BUSY:
            yield place, name


def _add(series: Series, statuses: list[int], numbers: Numbers) -> None:
    for status, count in zip(statuses, numbers[:STATUSES], strict=False):
        if count:
            series.counts[status] = series.counts.get(status, 0) + count
    series.first_byte = _sum(series.first_byte, _spread(numbers[STATUSES : STATUSES + _SPREAD]))
    series.duration = _sum(series.duration, _spread(numbers[STATUSES + _SPREAD :]))


def _spread(numbers: Numbers) -> Spread:
    *within, nanoseconds = numbers
    upto = tuple(accumulate(within[: len(FIRST_BYTE_BOUNDS)]))
    return Spread(upto, sum(within), nanoseconds / 1e9)


def _sum(one: Spread, other: Spread) -> Spread:
    """Seldom of more than nothing: two threads that came upon a new replica at once may each have a place for it."""
    if not one.count:
        return other
    within = tuple(a + b for a, b in zip(one.within, other.within, strict=True))
    return Spread(within, one.count + other.count, one.seconds + other.seconds)
