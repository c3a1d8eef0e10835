"""Hashes as Python's."""

import ctypes
import hashlib

from hypothesis import example, given
from hypothesis import strategies as st

from tests.endpoint.native.library import LIBRARY


@given(st.binary(max_size=55))
@example(b"")
@example(55 * b"\xff")
def test_any_text_of_one_block(text: bytes) -> None:
    """Of every length that a block holds."""
    digest = ctypes.create_string_buffer(32)

    LIBRARY.sha256_short(text, len(text), digest)

    assert digest.raw == hashlib.sha256(text).digest()
