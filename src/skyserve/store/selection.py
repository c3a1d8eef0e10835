"""Which entries of a user's directory count: all but `.git`, what ignore files exclude, and sockets, pipes, devices.

If the directory has a `.skyignore`, the files of that name are the ignore files, at every level; else those named
`.gitignore`. They are read as git reads them. Links are not followed, so nothing outside the directory is seen.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec


class _Rules:
    """The ignore rules in force in one directory: its own, and those of the directories around it."""

    def __init__(self, name: str, levels: tuple[tuple[str, GitIgnoreSpec], ...] = ()) -> None:
        self._name = name
        self._levels = levels  # outermost first: (directory within the tree, with a final slash; its rules)

    def entering(self, directory: Path, within: str) -> "_Rules":
        """With those of `directory`, whose place within the tree is `within` (empty, or with a final slash)."""
        try:
            # A name on disk may be any bytes, and so may the pattern that matches it.
            lines = (directory / self._name).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except (FileNotFoundError, IsADirectoryError):
            return self
        return _Rules(self._name, (*self._levels, (within, GitIgnoreSpec.from_lines(lines))))

    def exclude(self, name: str, is_directory: bool) -> bool:
        """Whether what has that name within the tree is left out. The innermost rule that speaks of it decides."""
        for within, rules in reversed(self._levels):
            verdict = rules.check_file(name.removeprefix(within) + ("/" if is_directory else "")).include
            if verdict is not None:
                return bool(verdict)
        return False


def select(root: Path, apart_from: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """(name within the tree, entry) of every directory, file and link that counts, parents first.

    `root` and `apart_from`, a directory that is never entered, are resolved paths. Raises PermissionError.
    """
    name = ".skyignore" if (root / ".skyignore").is_file() else ".gitignore"
    yield from _select(root, "", _Rules(name), str(apart_from))


def _select(directory: Path, within: str, outer: _Rules, apart_from: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(directory) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    rules = outer.entering(directory, within)
    for entry in entries:
        name, is_directory = within + entry.name, entry.is_dir(follow_symlinks=False)
        if entry.name == ".git" or entry.path == apart_from or rules.exclude(name, is_directory):
            continue
        if is_directory:
            yield name, entry
            try:
                yield from _select(Path(entry.path), f"{name}/", rules, apart_from)
            except FileNotFoundError:
                continue  # it was removed meanwhile
        elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
            yield name, entry
