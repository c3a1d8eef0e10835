"""JSON back into dataclasses."""

from dataclasses import dataclass
from enum import StrEnum

import pytest

from skyserve.client.answers import error_of, result_of
from skyserve.client.calls import Call, health
from skyserve.client.decode import decode
from skyserve.model.error import ErrorKind, ServeError


class Word(StrEnum):
    """A choice."""

    YES = "yes"


@dataclass(frozen=True)
class Inner:
    """A part."""

    number: float


@dataclass(frozen=True)
class Outer:
    """All forms that are sent."""

    word: Word
    inner: Inner | None
    many: list[Inner]
    pair: tuple[int, ...]
    text: str = "default"


def test_all_forms_are_decoded() -> None:
    """Nested, optional, repeated, enumerated and left out."""
    value = {"word": "yes", "inner": {"number": 1}, "many": [{"number": 2}], "pair": [3, 4], "unknown": 0}
    outer = decode(Outer, value)
    assert outer == Outer(Word.YES, Inner(1.0), [Inner(2.0)], (3, 4))
    assert type(outer.many[0].number) is float
    assert decode(Outer, {**value, "inner": None}).inner is None


@pytest.mark.parametrize(
    "value",
    [{"word": "no"}, {"inner": 1}, {"pair": ["x"]}, {"text": 5}, {"many": None}],
)
def test_what_is_no_such_thing_is_refused(value: dict[str, object]) -> None:
    """A wrong type never passes as a right one."""
    good: dict[str, object] = {"word": "yes", "inner": None, "many": [], "pair": [], "text": ""}
    with pytest.raises((KeyError, TypeError, ValueError)):
        decode(Outer, {**good, **value})


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"kind": "new", "message": "", "remedy": ""}', b"[]"])
def test_an_error_that_cannot_be_read_is_still_told(body: bytes) -> None:
    """Whatever a stranger or another version answers becomes a message, not a traceback."""
    error = error_of(500, body)
    assert error.kind is ErrorKind.VERSION_MISMATCH
    assert "sky api stop" in error.remedy


def test_a_result_that_cannot_be_read_is_told() -> None:
    """A success of another shape is a difference of versions."""
    call: Call[object] = health()  # type: ignore[assignment]
    with pytest.raises(ServeError, match="cannot read"):
        result_of(call, 200, b'{"version": 3}')
