"""The secret by which Envoy knows requests that the controller brings."""

import secrets
from pathlib import Path

from skyserve.endpoint.private_file import write_private

_RANDOM_BYTES = 32
_LENGTH = len(secrets.token_urlsafe(_RANDOM_BYTES))


def courier_secret(file: Path) -> str:
    """What the file holds, which is made if there is none: 0600. It stays the same for ever, since another one would
    change the routes of all services."""
    try:
        found = file.read_text()
    except FileNotFoundError:
        found = ""
    if len(found) == _LENGTH:
        return found
    made = secrets.token_urlsafe(_RANDOM_BYTES)
    write_private(file, made)
    return made
