"""When requests come and how large they are: read from the formats in which such traces are published."""

import csv
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from skyserve.model.error import ErrorKind, ServeError

AZURE = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
"""Columns of the Azure LLM inference traces."""
MOONCAKE = ("timestamp", "input_length", "output_length")
"""Keys of the Mooncake traces, one JSON object a line; the time is in milliseconds."""
SIMPLE = ("seconds", "prompt_tokens", "answer_tokens")
"""Columns of a trace of one's own."""
FORMATS = (
    f"Write a CSV with the columns {', '.join(SIMPLE)} (seconds from the beginning) or {', '.join(AZURE)}, "
    f"or lines of JSON with the keys {', '.join(MOONCAKE)}."
)


@dataclass(frozen=True, slots=True)
class RequestTrace:
    """Requests in the order in which they come; three rows of equal length."""

    at: "array[float]"
    """Seconds from the beginning, ascending."""
    prompt: "array[int]"
    """Tokens of the prompt."""
    answer: "array[int]"
    """Tokens of the answer."""

    @property
    def seconds(self) -> float:
        """From the beginning to the last request."""
        return self.at[-1] if self.at else 0.0


def gathered(requests: Iterable[tuple[float, int, int]]) -> RequestTrace:
    """A trace of (seconds, prompt tokens, answer tokens), in whatever order."""
    trace = RequestTrace(array("d"), array("l"), array("l"))
    for at, prompt, answer in sorted(requests):
        trace.at.append(at)
        trace.prompt.append(prompt)
        trace.answer.append(answer)
    return trace


def read(path: Path) -> RequestTrace:
    """A trace in one of FORMATS, moved so that its first request comes at 0. Raises ServeError."""
    rows = list(_checked(path, _rows(path)))
    if not rows:
        raise _refusal(f"{path}: holds no request", FORMATS)
    begin = min(at for at, _, _ in rows)
    return gathered((at - begin, prompt, answer) for at, prompt, answer in rows)


_Row = tuple[int, Mapping[str, object]]
_Request = tuple[float, int, int]


def _rows(path: Path) -> Iterator[_Row]:
    """(line, its cells by name)."""
    try:
        with path.open(newline="") as file:
            if path.suffix == ".csv":
                yield from ((number, dict(row)) for number, row in enumerate(csv.DictReader(file), 2))
            else:
                yield from ((number, json.loads(line)) for number, line in enumerate(file, 1) if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(f"{path}: cannot be read: {error}", "Name a file of requests.") from None
    except json.JSONDecodeError as error:
        raise _refusal(f"{path}: neither a CSV (by its name) nor lines of JSON: {error}", FORMATS) from None


def _checked(path: Path, rows: Iterable[_Row]) -> Iterator[_Request]:
    for number, row in rows:
        try:
            reader = next(form for form in (_azure, _mooncake, _simple) if _NAMES[form] <= set(row))
            at, prompt, answer = reader(row)
            if not (prompt >= 0 and answer >= 0 and at == at and abs(at) != float("inf")):
                raise ValueError("a number is out of range")
        except StopIteration:
            names = ", ".join(map(str, row)) if isinstance(row, dict) else type(row).__name__
            raise _refusal(f"{path}, line {number}: unknown columns: {names}", FORMATS) from None
        except (TypeError, ValueError) as error:
            raise _refusal(f"{path}, line {number}: {error}", FORMATS) from None
        yield at, prompt, answer


def _azure(row: Mapping[str, object]) -> _Request:
    time, prompt, answer = (str(row[name]) for name in AZURE)
    # Seven digits of a second, of which Python reads six.
    moment = datetime.fromisoformat(time[:26]).replace(tzinfo=UTC)
    return moment.timestamp(), int(prompt), int(answer)


def _mooncake(row: Mapping[str, object]) -> _Request:
    time, prompt, answer = (str(row[name]) for name in MOONCAKE)
    return float(time) / 1000, int(prompt), int(answer)


def _simple(row: Mapping[str, object]) -> _Request:
    time, prompt, answer = (str(row[name]) for name in SIMPLE)
    return float(time), int(prompt), int(answer)


_NAMES: Mapping[Callable[[Mapping[str, object]], _Request], set[str]] = {
    _azure: set(AZURE),
    _mooncake: set(MOONCAKE),
    _simple: set(SIMPLE),
}


def _refusal(message: str, remedy: str) -> ServeError:
    return ServeError(ErrorKind.INVALID_REQUEST, message, remedy)
