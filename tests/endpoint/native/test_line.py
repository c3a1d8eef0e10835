"""Lines of the access log, as they are written."""

import ctypes
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.endpoint.native.library import LIBRARY, Line


def written(values: list[bytes | int | None]) -> dict[str, Any]:
    """An object with these, by their places; each is read as JSON."""
    line = Line()
    LIBRARY.line_begin(line)
    for place, value in enumerate(values):
        name = str(place).encode()
        if isinstance(value, bytes):
            LIBRARY.line_text(line, name, value, len(value))
        elif value is None:
            LIBRARY.line_text(line, name, None, 0)
        else:
            LIBRARY.line_number(line, name, value)
    LIBRARY.line_end(line)
    text = ctypes.string_at(line.data, line.length)
    assert text.endswith(b"}\n")
    assert text.count(b"\n") == 1
    found: dict[str, Any] = json.loads(text)
    return found


@given(st.lists(st.binary() | st.integers(0, 2**64 - 1) | st.none(), max_size=20))
def test_whatever_is_written_can_be_read(values: list[bytes | int | None]) -> None:
    """Any bytes, taken for Latin-1; any number; nothing."""
    expected = [value.decode("latin-1") if isinstance(value, bytes) else value for value in values]
    assert list(written(values).values()) == expected


def test_a_line_is_begun_anew() -> None:
    """What was written before is gone."""
    line = Line()
    for value in (b"a longer text", b"short"):
        LIBRARY.line_begin(line)
        LIBRARY.line_text(line, b"it", value, len(value))
        LIBRARY.line_null(line, b"that")
        LIBRARY.line_end(line)
    assert ctypes.string_at(line.data, line.length) == b'{"it":"short","that":null}\n'


def test_a_byte_wherever_it_stands() -> None:
    """Every one, at each place among others that need no escape, which are looked at eight at a time."""
    texts = [before * b"a" + bytes([byte]) + (16 - before) * b"z" for byte in range(256) for before in range(17)]
    assert list(written(list(texts)).values()) == [text.decode("latin-1") for text in texts]
