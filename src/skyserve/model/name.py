"""What a service may be called."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

NAME_PATTERN = r"[a-zA-Z]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?"
"""SkyServe's rule: a letter first, a letter or digit last; between them also dash, underscore and dot."""

NAME_LENGTH = 120
"""Longest name, in characters: names become parts of file names, which end at 255 bytes."""


def valid_name(name: str) -> bool:
    """Whether a service may bear this name."""
    return len(name) <= NAME_LENGTH and re.fullmatch(NAME_PATTERN, name) is not None


def meant(name: str, others: Iterable[str]) -> str:
    """`Did you mean 'web'?`, of the one of the others that is nearest; empty where none is near."""
    near = get_close_matches(name, others, n=1)
    return f"Did you mean '{near[0]}'?" if near else ""
