"""Files of the user (workdir, file_mounts), addressed by what they contain.

A tree is a list of entries; its id is the hash of that list. A blob is the bytes of one file, named by
their SHA-256. A machine that has a blob is not sent it again.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, directory or symbolic link of a tree."""

    path: PurePosixPath
    """Relative to the tree's root; `.` for a tree that is one single file."""
    mode: int
    """Permission bits."""
    sha256: str | None = None
    """Of a regular file."""
    size: int = 0
    link: str | None = None
    """Target of a symbolic link. Neither sha256 nor link: a directory."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What a directory (or one file) held when it was packed."""

    id: str
    entries: tuple[Entry, ...]


class ContentStore(Protocol):
    """Keeps trees and blobs on this machine."""

    async def pack(self, source: Path) -> Tree:
        """Record what `source` holds now. Left out: `.git`, and what `.skyignore` (else `.gitignore`) excludes.

        Raises FileNotFoundError or PermissionError with the path.
        """
        ...

    async def tree(self, tree_id: str) -> Tree:
        """Raises KeyError."""
        ...

    def blob(self, sha256: str) -> Path:
        """The file that holds the bytes."""
        ...

    async def collect(self, keep: frozenset[str]) -> None:
        """Delete every tree but those and the ones packed lately, whose service may not be recorded yet; and the blobs
        that only the deleted ones named. May do nothing while something is being packed."""
        ...
