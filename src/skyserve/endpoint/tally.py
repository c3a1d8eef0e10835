"""What is counted of each service's requests within Envoy, read from the file in which it stands (native/ledger.h). Its
shape is that of native/tally.h. Totals outlive Envoy and the controller, and are a fifth of a second old at most."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, takewhile
from pathlib import Path
from typing import BinaryIO

from skyserve.model.key import KeyCount
from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.traffic import Answers, Spread

_FORMAT = 0x736B7974616C0001
STATUSES, REPLICAS, _MOST_BOUNDS, _KEYS = 64, 1024, 64, 4096
_BOUNDS = tuple(round(1e9 * bound) for bound in FIRST_BYTE_BOUNDS)
_SPREAD, _PLACE, _USAGE = _MOST_BOUNDS + 1, 2, 3
_SERIES = STATUSES + 2 * _SPREAD
_BYTES = 8
"""Of each number."""

_AT_STATUSES = 1 + _MOST_BOUNDS
"""Where they begin, in numbers; so do the others, in this order."""
_AT_FIRST_BYTE = _AT_STATUSES + STATUSES
_AT_REPLICAS = _AT_FIRST_BYTE + _SPREAD
_AT_KEYS = _AT_REPLICAS + _PLACE * REPLICAS
_AT_SERIES = _AT_KEYS + _PLACE * _KEYS
_AT_USAGES = _AT_SERIES + _SERIES * REPLICAS
_NUMBERS = _AT_USAGES + _USAGE * _KEYS

_REPLICA = 1 << 63
"""Names of replicas have that bit."""

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
    except OSError:
        return ()


def keys_of(path: Path) -> Mapping[int, KeyCount] | None:
    """By key id. None: nothing is counted there yet."""
    try:
        with _opened(path) as file:
            names = _names(_read(file, _AT_KEYS, _PLACE * _KEYS))
            usages = _read(file, _AT_USAGES, _USAGE * len(names))
    except OSError:
        return None
    each = (usages[_USAGE * place : _USAGE * (place + 1)] for place in range(len(names)))
    return {
        key: KeyCount(requests, tokens, refused) for key, (requests, refused, tokens) in zip(names, each, strict=True)
    }


def series_of(path: Path) -> ByReplica:
    """Empty: nothing is counted there yet."""
    found: dict[tuple[int, int], Series] = {}
    try:
        with _opened(path) as file:
            statuses = [status - 1 for status in _read(file, _AT_STATUSES, STATUSES) if status]
            for place, name in enumerate(_names(_read(file, _AT_REPLICAS, _PLACE * REPLICAS))):
                numbers = _read(file, _AT_SERIES + _SERIES * place, _SERIES)
                found[(name ^ _REPLICA) >> 32, name & 0xFFFFFFFF] = _series(statuses, numbers)
    except OSError:
        return {}
    return found


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Raises OSError if there is none, or it has another shape: another version counts there."""
    with path.open("rb") as file:
        whole = os.fstat(file.fileno()).st_size == _BYTES * _NUMBERS
        if not whole or list(_read(file, 0, 1 + len(_BOUNDS))) != [_FORMAT, *_BOUNDS]:
            raise OSError(f"{path} has another shape")
        yield file


def _read(file: BinaryIO, at: int, count: int) -> Numbers:
    """Numbers are counted on meanwhile; each is whole. Raises OSError."""
    file.seek(_BYTES * at)
    found = file.read(_BYTES * count)
    if len(found) != _BYTES * count:
        raise OSError("it is just being begun anew")
    return memoryview(found).cast("Q")


def _names(places: Numbers) -> list[int]:
    """By their places, which are taken in their order."""
    return list(takewhile(bool, places[::_PLACE]))


def _series(statuses: list[int], numbers: Numbers) -> Series:
    answers, spreads = numbers[:STATUSES], numbers[STATUSES:]
    counts = {status: count for status, count in zip(statuses, answers, strict=False) if count}
    return Series(counts, _spread(spreads[:_SPREAD]), _spread(spreads[_SPREAD:]))


def _spread(numbers: Numbers) -> Spread:
    *within, nanoseconds = numbers
    upto = tuple(accumulate(within[: len(_BOUNDS)]))
    return Spread(upto, sum(within), nanoseconds / 1e9)
