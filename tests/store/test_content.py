"""Content-addressed copies of the user's files."""

import asyncio
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path, PurePosixPath

import pytest

from skyserve.contracts.content import ContentStore, Entry, Tree
from skyserve.store.content import CHUNK, FileContentStore


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A user's directory."""
    root = tmp_path / "source"
    (root / "src").mkdir(parents=True)
    (root / "src" / "run.sh").write_text("echo hi")
    (root / "src" / "run.sh").chmod(0o755)
    (root / "src").chmod(0o750)
    (root / "model.bin").write_bytes(b"\0\1" * CHUNK)
    (root / "model.bin").chmod(0o640)
    (root / "copy.bin").write_bytes(b"\0\1" * CHUNK)
    (root / "copy.bin").chmod(0o600)
    (root / "link").symlink_to("src/run.sh")
    (root / "interpreter").symlink_to("/usr/bin/python3")
    return root


@pytest.fixture
def store(tmp_path: Path) -> FileContentStore:
    """A store that keeps no tree longer than it is told to."""
    return FileContentStore(tmp_path / "content", grace=0)


def sha(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def files(root: Path) -> set[str]:
    """Names of all files of a store but its lock."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} - {"lock"}


async def test_a_directory_is_packed(source: Path, store: ContentStore) -> None:
    """Modes, sizes, hashes and links are told, sorted, and the blobs hold the bytes."""
    big = sha(b"\0\1" * CHUNK)
    tree = await store.pack(source)
    assert tree.entries == (
        Entry(PurePosixPath("copy.bin"), 0o600, big, 2 * CHUNK),
        Entry(PurePosixPath("interpreter"), 0o777, link="/usr/bin/python3"),
        Entry(PurePosixPath("link"), 0o777, link="src/run.sh"),
        Entry(PurePosixPath("model.bin"), 0o640, big, 2 * CHUNK),
        Entry(PurePosixPath("src"), 0o750),
        Entry(PurePosixPath("src/run.sh"), 0o755, sha(b"echo hi"), 7),
    )
    assert store.blob(big).read_bytes() == b"\0\1" * CHUNK
    assert store.blob(sha(b"echo hi")).read_bytes() == b"echo hi"
    assert await store.tree(tree.id) == tree


async def test_one_file_is_a_tree(source: Path, store: ContentStore, tmp_path: Path) -> None:
    """A single file, also behind a link, is the entry `.`."""
    expected = (Entry(PurePosixPath("."), 0o755, sha(b"echo hi"), 7),)
    assert (await store.pack(source / "src" / "run.sh")).entries == expected
    assert (await store.pack(source / "link")).entries == expected
    (tmp_path / "alias").symlink_to(source)
    assert await store.pack(tmp_path / "alias") == await store.pack(source)


async def test_an_empty_directory_is_a_tree(store: ContentStore, tmp_path: Path) -> None:
    """Nothing in it, yet it has an id."""
    (tmp_path / "empty").mkdir()
    tree = await store.pack(tmp_path / "empty")
    assert tree.entries == ()
    assert await store.tree(tree.id) == tree


async def test_the_id_is_of_the_content(source: Path, store: ContentStore) -> None:
    """Packing again gives the same id; a byte, a mode, a name or a link's target gives another."""
    ids = {(await store.pack(source)).id}
    assert {(await store.pack(source)).id} == ids
    os.utime(source / "model.bin", (1, 1))
    assert {(await store.pack(source)).id} == ids
    (source / "src" / "run.sh").write_text("echo ho")
    ids.add((await store.pack(source)).id)
    (source / "src" / "run.sh").chmod(0o700)
    ids.add((await store.pack(source)).id)
    (source / "src" / "run.sh").rename(source / "src" / "go.sh")
    ids.add((await store.pack(source)).id)
    (source / "link").unlink()
    (source / "link").symlink_to("src/go.sh")
    ids.add((await store.pack(source)).id)
    assert len(ids) == 5


async def test_everything_kept_is_private(source: Path, tmp_path: Path) -> None:
    """Whatever the umask and the modes of the user's files, only the owner can read the copies."""
    before = os.umask(0)
    try:
        await FileContentStore(tmp_path / "content").pack(source)
    finally:
        os.umask(before)
    for path in [tmp_path / "content", *(tmp_path / "content").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_what_is_missing_is_named(store: ContentStore, tmp_path: Path) -> None:
    """A source that is not there, a link that leads nowhere and a pipe are refused with their path."""
    with pytest.raises(FileNotFoundError, match="nothing"):
        await store.pack(tmp_path / "nothing")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="gone"):
        await store.pack(tmp_path / "dangling")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError, match=r"Neither a file nor a directory.*pipe"):
        await store.pack(tmp_path / "pipe")
    for unknown in ("0" * 64, "../../etc/passwd", ""):
        with pytest.raises(KeyError):
            await store.tree(unknown)


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A directory made by an ordinary user, whom this process is while the test runs: root may read everything."""
    root = Path(tempfile.mkdtemp(prefix="sky-content-", dir="/tmp"))
    was_root = os.geteuid() == 0
    if was_root:
        os.chown(root, 65534, 65534)
        os.seteuid(65534)
    yield root
    if was_root:
        os.seteuid(0)
    for path in root.rglob("*"):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(root)


@pytest.mark.parametrize("name", ["locked", "shut"])
async def test_what_cannot_be_read_is_named(unprivileged: Path, name: str) -> None:
    """A file or directory without permission is refused with its path, and nothing half is left."""
    source = unprivileged / "source"
    (source / "shut").mkdir(parents=True)
    (source / "locked").touch()
    (source / name).chmod(0)
    with pytest.raises(PermissionError) as raised:
        await FileContentStore(unprivileged / "content").pack(source)
    assert raised.value.filename == str(source / name)
    assert list((unprivileged / "content" / "trees").iterdir()) == []
    assert list((unprivileged / "content" / "coming").iterdir()) == []


async def test_a_file_that_changes_is_kept_as_read(
    source: Path, store: FileContentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file written to between the readings ends as its last state, and every blob's name is that of its bytes."""
    growing = source / "src" / "run.sh"
    keep = store._keep
    readings: list[tuple[str, int]] = []

    def keep_and_grow(file: BufferedReader) -> tuple[str, int]:
        kept = keep(file)
        if os.path.samestat(os.fstat(file.fileno()), growing.stat()) and len(readings) < 2:
            readings.append(kept)
            with growing.open("a") as more:
                more.write("; echo more")
        return kept

    monkeypatch.setattr(store, "_keep", keep_and_grow)
    tree = await store.pack(source)
    final = growing.read_bytes()
    assert final == b"echo hi; echo more; echo more"
    assert tree.entries[-1].sha256 == sha(final)


async def test_collecting_keeps_what_is_named(source: Path, store: FileContentStore, tmp_path: Path) -> None:
    """Trees that are not named go, with the blobs that only they name; shared blobs stay."""
    old = await store.pack(source)
    (source / "src" / "run.sh").write_text("echo ho")
    new = await store.pack(source)
    await store.collect(frozenset({old.id, new.id}))
    assert await store.tree(old.id) == old
    await store.collect(frozenset({new.id}))
    with pytest.raises(KeyError):
        await store.tree(old.id)
    assert await store.tree(new.id) == new
    blobs = {f"blobs/{name[:2]}/{name}" for name in (sha(b"\0\1" * CHUNK), sha(b"echo ho"))}
    assert files(tmp_path / "content") == {f"trees/{new.id}", *blobs}
    await store.collect(frozenset())
    assert files(tmp_path / "content") == set()
    assert await store.pack(source) == new
    assert store.blob(sha(b"echo ho")).read_bytes() == b"echo ho"


async def test_what_was_just_packed_is_kept(source: Path, tmp_path: Path) -> None:
    """A tree whose service is not recorded yet survives a collection; once old, it goes; packing again renews it."""
    store = FileContentStore(tmp_path / "content", grace=3600)
    tree = await store.pack(source)
    await store.collect(frozenset())
    assert await store.tree(tree.id) == tree
    path = tmp_path / "content" / "trees" / tree.id
    os.utime(path, (1, 1))
    await store.pack(source)
    await store.collect(frozenset())
    assert await store.tree(tree.id) == tree
    os.utime(path, (1, 1))
    await store.collect(frozenset())
    with pytest.raises(KeyError):
        await store.tree(tree.id)


async def test_nothing_is_collected_while_somebody_packs(source: Path, store: FileContentStore, tmp_path: Path) -> None:
    """Another process amid a pack may rely on blobs that no tree names yet; the next collection has them."""
    await store.pack(source)
    before = files(tmp_path / "content")
    with (tmp_path / "content" / "lock").open("rb") as packing:
        fcntl.flock(packing, fcntl.LOCK_SH)
        await store.collect(frozenset())
        assert files(tmp_path / "content") == before
    await store.collect(frozenset())
    assert files(tmp_path / "content") == set()


async def test_packing_and_collecting_at_once(source: Path, store: FileContentStore) -> None:
    """However packs and collections interleave, a tree that a pack has returned, and that is kept, is whole."""
    first = await store.pack(source)
    kept = frozenset({first.id})

    async def collect() -> None:
        for _ in range(20):
            await store.collect(kept)

    async def pack() -> Tree:
        return [await store.pack(source) for _ in range(20)][-1]

    trees = await asyncio.gather(pack(), collect(), pack(), collect())
    assert trees[0] == trees[2] == first
    for entry in first.entries:
        if entry.sha256:
            assert sha(store.blob(entry.sha256).read_bytes()) == entry.sha256


async def test_a_killed_pack_leaves_what_the_next_collection_clears(
    source: Path, store: FileContentStore, tmp_path: Path
) -> None:
    """Half a copy is never a blob, and goes."""
    await store.pack(source)
    (tmp_path / "content" / "coming" / "tmp123").write_bytes(b"half")
    await store.collect(frozenset())
    assert files(tmp_path / "content") == set()


async def test_a_damaged_blob_is_made_again(source: Path, store: FileContentStore) -> None:
    """A blob cut short, as a full disk or a power loss may leave it, is replaced when its file is packed again."""
    await store.pack(source)
    blob = store.blob(sha(b"echo hi"))
    blob.write_bytes(b"ec")
    await store.pack(source)
    assert blob.read_bytes() == b"echo hi"


async def test_the_store_does_not_pack_itself(tmp_path: Path) -> None:
    """A workdir around the store, such as a home directory, is packed without it, and so stays the same."""
    (tmp_path / "a").touch()
    store = FileContentStore(tmp_path / ".sky" / "content", grace=0)
    first = await store.pack(tmp_path)
    assert await store.pack(tmp_path) == first
    assert [str(entry.path) for entry in first.entries] == [".sky", "a"]
