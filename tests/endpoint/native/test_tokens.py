"""Tokens, counted in pieces as they come; through Envoy it is tested in tests/endpoint/test_tokens.py."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from tests.endpoint.native.library import LIBRARY

PARTS = st.sampled_from(
    [
        b'"total_tokens"',
        b'"input_tokens":20,',
        b'"output_tokens":300}',
        b'"output_tokens_details":1,',
        b'"total_tokens" : 12,',
        b'"total_tokens":7}',
        b'"total_tokens":\n34\n',
        b'"total_tokens":null',
        b'"total_to',
        b'kens":5,',
        b'\\"total_tokens\\":9,',
        b'""total_tokens":3 ',
        b"data:",
        b"\ndata: {}\n\n",
        b"\r\ndata",
        b": 8,",
        b"d",
        b'"',
        b"1",
        b" ",
    ]
)


def counted(pieces: list[bytes], *, events: bool) -> int:
    """Tokens of an answer that comes in these pieces."""
    tokens = LIBRARY.tokens_of(events)
    for piece in pieces:
        LIBRARY.tokens_read(tokens, piece, len(piece))
    return int(LIBRARY.tokens_so_far(tokens))


@given(st.lists(PARTS, max_size=12), st.data())
def test_the_last_total_counts_wherever_it_is_cut(parts: list[bytes], data: st.DataObject) -> None:
    """As a regular expression finds it in the whole; where there is none, what came in and went out."""
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    total, came, went = (
        re.findall(rb'"%s"[ \t\r\n]*:[ \t\r\n]*(\d+)(?=[^\d])' % name, whole)[-1:]
        for name in (b"total_tokens", b"input_tokens", b"output_tokens")
    )

    assert counted(pieces, events=False) == sum(map(int, total or came + went))


@given(st.lists(st.sampled_from([b"data: x\n\n", b": data: x\n\n", b"event: data:\n", b"data:\r\n\r\n", b"id: 1\n"])))
def test_events_of_a_stream_that_tells_nothing(lines: list[bytes]) -> None:
    """A field of data, at the beginning of a line, is one."""
    whole = b"".join(lines)
    events = len(re.findall(rb"^data:", whole, re.MULTILINE))

    assert counted([whole], events=True) == events
    assert counted([bytes([byte]) for byte in whole], events=True) == events
    assert counted([whole], events=False) == 0


def test_a_stream_has_no_less_than_its_events() -> None:
    """Something small that the server repeats does not stand for all of it."""
    events = [b'data: {"tool": {"total_tokens": 0}}\n\n', *[b"data: x\n\n"] * 1000]

    assert counted(events, events=True) == 1001
    assert counted([*events, b'data: {"usage": {"total_tokens": 2000}}\n\n'], events=True) == 2000


def test_a_number_beyond_all_sense() -> None:
    """It is large, and wraps around to nothing small."""
    text = json.dumps({"total_tokens": 10**40}).encode()

    assert counted([text], events=False) == 10**12
