"""The secret by which Envoy knows requests that the controller brings."""

import secrets
from pathlib import Path

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
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(made)
    new.replace(file)
    return made
