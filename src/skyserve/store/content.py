"""contracts.content.ContentStore in a directory: blobs named by what they hold, trees that list them.

    blobs/ab/abcd...   the bytes of one file
    trees/<id>         the entries of one tree, as JSON
    coming/            what is being written; becomes a blob or a tree by renaming, so that neither is ever seen half
    lock               shared by those who pack, exclusive for who collects

Links are kept as links, wherever they lead: a virtual environment's, to an interpreter outside, means the same on
the replica's machine. A file or directory that vanishes while it is packed is left out.
"""

import asyncio
import errno
import fcntl
import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO

from skyserve.contracts.content import Entry, Tree
from skyserve.store.selection import select

GRACE = 3600.0
"""Seconds for which a tree, once packed, is kept although no service names it yet."""
READINGS = 3
"""Times a file is read that changes while it is read; then the last reading counts."""
CHUNK = 1024 * 1024
"""Bytes copied at a time."""


class FileContentStore:
    """Trees and blobs below one directory, 0700. Several processes may use it at once."""

    def __init__(self, root: Path, grace: float = GRACE) -> None:
        self._root = root.resolve()
        self._grace = grace

    async def pack(self, source: Path) -> Tree:
        """Record what `source` (a directory or one file) holds now. Raises FileNotFoundError, PermissionError."""
        return await asyncio.to_thread(self._pack, source)

    async def tree(self, tree_id: str) -> Tree:
        """Raises KeyError."""
        return await asyncio.to_thread(self._tree, tree_id)

    def blob(self, sha256: str) -> Path:
        """The file that holds the bytes."""
        return self._root / "blobs" / sha256[:2] / sha256

    async def collect(self, keep: frozenset[str]) -> None:
        """Delete every tree but those and the ones packed within the grace, and the blobs that none of these names.

        Deletes nothing while somebody packs: what that pack relies on cannot be told. The next call makes up for it.
        """
        await asyncio.to_thread(self._collect, keep)

    def _pack(self, source: Path) -> Tree:
        with self._locked(fcntl.LOCK_SH):
            source = source.resolve(strict=True)
            if source.is_dir():
                entries = tuple(sorted(self._entries(source), key=lambda entry: str(entry.path)))
            elif source.is_file():
                entries = (self._file(source, "."),)
            else:
                raise _neither(source)
            rows = [[str(e.path), e.mode, e.sha256, e.size, e.link] for e in entries]
            text = json.dumps(rows).encode("ascii")
            tree_id = hashlib.sha256(text).hexdigest()
            with self._coming() as file:
                file.write(text)
                _settle(file, self._root / "trees" / tree_id)
            _sync_directory(self._root / "trees")
        return Tree(tree_id, entries)

    def _entries(self, source: Path) -> Iterator[Entry]:
        for name, found in select(source, self._root):
            try:
                if found.is_symlink():
                    yield Entry(PurePosixPath(name), 0o777, link=str(Path(found.path).readlink()))
                elif found.is_dir(follow_symlinks=False):
                    yield Entry(PurePosixPath(name), found.stat(follow_symlinks=False).st_mode & 0o777)
                else:
                    yield self._file(Path(found.path), name)
            except FileNotFoundError:
                continue

    def _file(self, path: Path, name: str) -> Entry:
        # What was a file when it was listed may be a link or a pipe now: neither is to be followed, or waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise _neither(path)
            for _ in range(READINGS):
                sha256, size = self._keep(file)
                after = os.fstat(descriptor)
                if (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns):
                    break
                before = after
        return Entry(PurePosixPath(name), before.st_mode & 0o777, sha256, size)

    def _keep(self, file: BufferedReader) -> tuple[str, int]:
        """Make a blob of what the file holds now, if there is none; its name and size."""
        file.seek(0)
        sha256, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
        if _size(self.blob(sha256)) == size:
            return sha256, size
        file.seek(0)
        with self._coming() as copy:
            # Hashed again, since it may have changed: a blob's name is always that of the bytes in it.
            digest = hashlib.sha256()
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                copy.write(chunk)
            sha256, size = digest.hexdigest(), copy.tell()
            _settle(copy, self.blob(sha256))
        return sha256, size

    def _tree(self, tree_id: str) -> Tree:
        if not (len(tree_id) == 64 and tree_id.isalnum()):
            raise KeyError(tree_id)
        try:
            rows = json.loads((self._root / "trees" / tree_id).read_text("ascii"))
        except FileNotFoundError:
            raise KeyError(tree_id) from None
        return Tree(tree_id, tuple(Entry(PurePosixPath(path), *rest) for path, *rest in rows))

    def _collect(self, keep: frozenset[str]) -> None:
        with self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
            if not alone:
                return
            for leftover in (self._root / "coming").iterdir():
                leftover.unlink()
            used: set[str | None] = set()
            for path in (self._root / "trees").iterdir():
                if path.name in keep or path.stat().st_mtime > time.time() - self._grace:
                    used.update(entry.sha256 for entry in self._tree(path.name).entries)
                else:
                    path.unlink()
            for blob in (self._root / "blobs").glob("*/*"):
                if blob.name not in used:
                    blob.unlink()

    @contextmanager
    def _locked(self, how: int) -> Iterator[bool]:
        """Hold the lock; False: it could not be had at once, and LOCK_NB said not to wait."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in ("blobs", "trees", "coming"):
            (self._root / part).mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self._root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, how)
            except BlockingIOError:
                held = False
            else:
                held = True
            yield held
        finally:
            os.close(descriptor)

    @contextmanager
    def _coming(self) -> Iterator[IO[bytes]]:
        """A new file, 0600; removed at the end unless it was settled."""
        with tempfile.NamedTemporaryFile(dir=self._root / "coming", delete=False) as file:
            try:
                yield file
            finally:
                Path(file.name).unlink(missing_ok=True)


def _settle(file: IO[bytes], path: Path) -> None:
    """Give a written file its place, once its bytes are on disk: after a power loss, what has a name is whole."""
    file.flush()
    os.fsync(file.fileno())
    path.parent.mkdir(mode=0o700, exist_ok=True)
    Path(file.name).replace(path)


def _sync_directory(path: Path) -> None:
    """Make its names last; file systems with a journal write those given earlier elsewhere with it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _neither(path: Path) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "Neither a file nor a directory", str(path))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
