"""What prefix_affinity takes for the beginning of a prompt."""

import ctypes
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.endpoint.native.library import LIBRARY

MOST = 200
SPARE_BYTES = 80


def prefix(body: str, most: int = MOST) -> bytes | None:
    """Of a body."""
    into = ctypes.create_string_buffer(most + SPARE_BYTES)
    json = body.encode()
    length = LIBRARY.prompt_begin(json, len(json), into, most)
    return into.raw[:length] or None


def chat(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A request to /v1/chat/completions."""
    return {"model": "m", "messages": list(messages), **fields}


def said(role: str, content: Any) -> dict[str, Any]:
    """One message."""
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (chat(said("user", "hi")), b"hi"),
        (chat(said("system", "be kind"), said("user", "hi")), b"be kind\0hi"),
        (chat(said("user", "hi"), said("assistant", "hello"), said("user", "bye")), b"hi"),
        (chat(said("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])), b"ab"),
        (chat(said("user", '[{"role": "user"}]'), said("user", "x")), b'[{"role": "user"}]'),
        (chat(said("user", 'say "messages": [1]')), b'say "messages": [1]'),
        (chat(said("user", "a\\"), said("user", "b")), b"a\\"),
        (chat(said("system", None), said("user", "hi")), b"\0hi"),
        (
            {"tools": [{"parameters": {"properties": {"messages": {"type": "array"}}}}], **chat(said("user", "hi"))},
            b"hi",
        ),
        ({"prompt": "once upon"}, b"once upon"),
        ({"prompt": ["once", "twice"]}, b"once"),
        ({"prompt": [101, 7, 9], "max_tokens": 1}, b"[101,7,9"),
        ({"prompt": [[101, 7], [9]]}, b"[[101,7"),
        ({"input": "embed me"}, b"embed me"),
        ({"input": [said("user", "hi")]}, b"hi"),
        ({"model": "m"}, None),
        ({"prompt": ""}, None),
        ({"messages": []}, None),
        ({"messages": 3}, None),
        ([], None),
    ],
)
def test_what_is_found(body: Any, found: bytes | None) -> None:
    """Chats, completions, token ids and embeddings each have a beginning; what is none of these has none."""
    assert prefix(json.dumps(body)) == found


CONTENT = st.text(max_size=60) | st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=30)}), max_size=3
)
MESSAGES = st.lists(st.builds(said, st.sampled_from(["system", "user", "assistant"]), CONTENT), min_size=1, max_size=5)


def expected(messages: list[dict[str, Any]], most: int) -> bytes | None:
    """The same by a whole parse: contents, each message ended by a zero, as far as the user's first."""
    text = b""
    for message in messages:
        content = message["content"]
        parts = content if isinstance(content, str) else "".join(part["text"] for part in content)
        text += parts.encode()
        if message["role"] == "user":
            break
        text += b"\0"
    return text[:most] or None


@given(MESSAGES, st.booleans(), st.booleans(), st.sampled_from([None, 0, 3]), st.randoms(), st.sampled_from([5, MOST]))
def test_how_it_is_written_does_not_matter(
    messages: list[dict[str, Any]], escaped: bool, model_first: bool, indent: int | None, shuffle: Any, most: int
) -> None:
    """Blanks, the order of keys, and escaped or plain characters all give the text that a JSON parser finds."""
    mixed = []
    for message in messages:
        keys = list(message.items())
        shuffle.shuffle(keys)
        mixed.append(dict(keys))
    fields = {"model": "m", "messages": mixed, "stream": True}
    body = fields if model_first else dict(reversed(fields.items()))

    assert prefix(json.dumps(body, ensure_ascii=escaped, indent=indent), most) == expected(messages, most)


@given(MESSAGES, MESSAGES)
def test_later_turns_begin_alike(first: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    """A conversation that has gone on has the prefix that it had at its first turn."""
    asked = [*first, said("user", "the question")]

    assert prefix(json.dumps(chat(*asked))) == prefix(json.dumps(chat(*asked, *more)))


@given(st.text(max_size=300))
def test_nothing_breaks_it(text: str) -> None:
    """Whatever comes instead of JSON, the search ends, with a bounded prefix."""
    for body in (
        text,
        '{"messages": [' + text,
        '{"messages": [{"content": "' + text,
        '{"prompt": "' + text,
        text[::-1],
    ):
        assert len(prefix(body, 50) or b"") <= 50


def test_a_long_shared_beginning_is_all_there_is() -> None:
    """What comes after the bound plays no part: requests on one long document meet."""
    document = "x" * 10 * MOST

    assert prefix(json.dumps(chat(said("system", document), said("user", "one")))) == b"x" * MOST
    assert prefix(json.dumps({"prompt": document + "two"})) == b"x" * MOST


def murmur(data: bytes) -> int:
    """MurmurHash64A, seed 0, as its author has it, with words as this machine writes them."""
    m, mask = 0xC6A4A7935BD1E995, 2**64 - 1
    hash = len(data) * m & mask
    for at in range(0, len(data) - 7, 8):
        word = int.from_bytes(data[at : at + 8], sys.byteorder) * m & mask
        word = (word ^ word >> 47) * m & mask
        hash = (hash ^ word) * m & mask
    if tail := data[len(data) // 8 * 8 :]:
        hash = (hash ^ int.from_bytes(tail.ljust(8, b"\0"), sys.byteorder)) * m & mask
    hash = (hash ^ hash >> 47) * m & mask
    return hash ^ hash >> 47


@given(st.binary(max_size=100))
def test_hashes(text: bytes) -> None:
    """As the algorithm says."""
    assert LIBRARY.prefix_hash(text, len(text)) == murmur(text)
