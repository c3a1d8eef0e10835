"""Where the last lines of a log begin."""

import io

import pytest

from skyserve.infra.machine.node import logs


@pytest.mark.parametrize("chunk", [1, 3, 4096])
@pytest.mark.parametrize(
    "text", [b"", b"one", b"one\n", b"one\ntwo\nthree", b"one\ntwo\nthree\n", b"\n\n\n", b"a\n\nb\n"]
)
@pytest.mark.parametrize("lines", [0, 1, 2, 3, 10])
def test_tail_is_found_from_the_end(chunk: int, text: bytes, lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of what is read at a time, tail gives the last lines as splitting the whole would."""
    monkeypatch.setattr(logs, "_CHUNK", chunk)
    start = logs._start_of_last_lines(io.BytesIO(text), lines)
    whole = text.splitlines(keepends=True)
    assert text[start:] == b"".join(whole[max(0, len(whole) - lines) :])
