"""Files that the user alone may read, and that are whole at any moment."""

from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """In one move, 0600 from its first moment: whoever is reading what stood there before reads that to its end."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(file)
