"""What a service may be called."""

import re

NAME_PATTERN = r"[a-zA-Z]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?"
"""SkyServe's rule: a letter first, a letter or digit last; between them also dash, underscore and dot."""

NAME_LENGTH = 120
"""Longest name, in characters: names become parts of file names, which end at 255 bytes."""


def valid_name(name: str) -> bool:
    """Whether a service may bear this name."""
    return len(name) <= NAME_LENGTH and re.fullmatch(NAME_PATTERN, name) is not None
