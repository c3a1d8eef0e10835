"""Files: put where the user says, sent once, and nobody else's touched."""

import os
from pathlib import Path

import pytest

from skyserve.contracts.errors import Unsupported
from skyserve.contracts.infra import Script, Shell
from skyserve.store.content import FileContentStore
from tests.contract.bench import Bench


@pytest.fixture
def content(tmp_path: Path) -> FileContentStore:
    """Where trees are packed."""
    return FileContentStore(tmp_path / "content")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with a file, a program, an empty directory and a link."""
    folder = tmp_path / "source"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "deep" / "er" / "data").write_bytes(bytes(range(256)) * 4096)
    (folder / "hello").write_text("#!/bin/sh\necho hello\n")
    (folder / "hello").chmod(0o755)
    (folder / "link").symlink_to("deep/er/data")
    return folder


async def test_trees_go_where_the_user_says(typical: Bench, content: FileContentStore, source: Path) -> None:
    """A relative destination is below ~/sky_workdir, `~` is the replica's home, /tmp its own; modes and links stay."""
    infra = typical.infra()
    shell = infra.shell(await typical.launch(infra))
    tree = await content.pack(source)
    for destination in (".", "sub/dir", "~/elsewhere", "/tmp/own"):
        await shell.put(tree, content, destination)
    there = "[ $(wc -c < link) = 1048576 ] && [ -d empty ] && ./hello"
    places = ". ~/sky_workdir/sub/dir ~/elsewhere /tmp/own"
    await shell.start("run", Script(f"for place in {places}; do (cd $place && {there}) || exit 9; done"))
    assert (await typical.finish(shell, "run")).exit_code == 0
    assert await typical.output(shell, "run") == "hello\n" * 4


async def test_a_single_file_can_be_put(typical: Bench, content: FileContentStore, source: Path) -> None:
    """A tree that is one file becomes a file of the destination's name."""
    infra = typical.infra()
    shell = infra.shell(await typical.launch(infra))
    await shell.put(await content.pack(source / "hello"), content, "~/bin/greet")
    assert await _says(typical, shell, "~/bin/greet") == "hello\n"


async def test_putting_again_changes_nothing(typical: Bench, content: FileContentStore, source: Path) -> None:
    """What a replica wrote to its files stays when the same tree is put again; a new tree replaces what it holds."""
    infra = typical.infra()
    shell = infra.shell(await typical.launch(infra))
    tree = await content.pack(source)
    await shell.put(tree, content, "app")
    await shell.start("write", Script("echo 'echo mine' > app/hello"))
    await typical.finish(shell, "write")
    await shell.put(tree, content, "app")
    assert await _says(typical, shell, "app/hello", name="first") == "mine\n"
    (source / "hello").write_text("#!/bin/sh\necho newer\n")
    await shell.put(await content.pack(source), content, "app")
    assert await _says(typical, shell, "app/hello", name="second") == "newer\n"


async def test_an_absolute_destination_is_the_replicas_own(
    real: Bench, content: FileContentStore, source: Path
) -> None:
    """Files at an absolute path are seen by their replica alone; one that exists is refused with a remedy."""
    infra = real.infra()
    shell = infra.shell(await real.launch(infra))
    other = infra.shell(await real.launch(infra, "1-2"))
    tree = await content.pack(source)
    places = ("/sky-contract-test/models/a", "/sky-contract-test/b", "/mnt/sky-contract-test")
    for destination in places:
        await shell.put(tree, content, destination)
    assert await _says(real, shell, "; ".join(f"{place}/hello" for place in places)) == "hello\n" * 3
    assert (await _says(real, other, f"ls {' '.join(places)}")).count("No such file") == 3
    assert not any(map(os.path.exists, places))
    with pytest.raises(Unsupported, match="~"):
        await shell.put(tree, content, "/usr")
    with pytest.raises(Unsupported, match="~"):
        await shell.put(tree, content, "~/../../escape")


async def _says(bench: Bench, shell: Shell, program: str, name: str = "run") -> str:
    await shell.start(name, Script(program))
    await bench.finish(shell, name)
    return await bench.output(shell, name)
