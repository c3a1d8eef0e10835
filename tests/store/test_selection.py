"""Which entries of a user's directory count."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from skyserve.store.selection import select


def make(root: Path, files: Mapping[str, str]) -> None:
    """Write files below a directory; a name that ends in a slash is an empty directory."""
    for name, text in files.items():
        path = root / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text(text)


def selected(root: Path, apart_from: str = "nothing") -> set[str]:
    """Names of the files and links that count, and of directories that hold none of them."""
    names = [name for name, _ in select(root.resolve(), root.resolve() / apart_from)]
    return {name for name in names if not any(other.startswith(f"{name}/") for other in names)}


TREE = dict.fromkeys(("a.py", "a.log", "keep.log", "build/x", "src/a.log", "src/build/y", "src/deep/z.tmp"), "")


@pytest.mark.parametrize(
    ("ignores", "left_out"),
    [
        ({}, set()),
        ({".gitignore": "*.log"}, {"a.log", "keep.log", "src/a.log"}),
        ({".gitignore": "*.log\n!keep.log\n# no comment\n\n"}, {"a.log", "src/a.log"}),
        ({".gitignore": "/build"}, {"build/x"}),
        ({".gitignore": "build/"}, {"build/x", "src/build/y"}),
        ({".gitignore": "build/\n!build/x"}, {"build/x", "src/build/y"}),
        ({".gitignore": "src/**/*.tmp"}, {"src/deep/z.tmp"}),
        ({"src/.gitignore": "/a.log"}, {"src/a.log"}),
        ({"src/.gitignore": "*.tmp"}, {"src/deep/z.tmp"}),
        ({".gitignore": "*.log", "src/.gitignore": "!a.log"}, {"a.log", "keep.log"}),
        ({".gitignore": "src", "src/.gitignore": "!a.log"}, {"src/a.log", "src/build/y", "src/deep/z.tmp"}),
        ({".skyignore": "a.py", ".gitignore": "*.log"}, {"a.py"}),
        ({".skyignore": "", "src/.skyignore": "*.log", "src/.gitignore": "*"}, {"src/a.log"}),
    ],
)
def test_ignore_files_are_read_as_git_reads_them(tmp_path: Path, ignores: dict[str, str], left_out: set[str]) -> None:
    """Negation, anchors, directories and nested files work; `.skyignore` at the root replaces `.gitignore`."""
    make(tmp_path, {**TREE, **ignores})
    assert set(TREE) - {name for name, _ in select(tmp_path, tmp_path / "nothing")} == left_out


def test_ignore_files_themselves_count(tmp_path: Path) -> None:
    """They are files of the user as any other."""
    make(tmp_path, {".gitignore": "*.log", "a": ""})
    assert selected(tmp_path) == {".gitignore", "a"}


def test_git_data_is_left_out_everywhere(tmp_path: Path) -> None:
    """`.git` is, whether a directory or a submodule's file; `.github` is not."""
    make(tmp_path, {".git/config": "", "sub/.git": "", "sub/a": "", ".github/b": ""})
    assert selected(tmp_path) == {"sub/a", ".github/b"}


def test_only_files_directories_and_links_count(tmp_path: Path) -> None:
    """Pipes and sockets are left out without being opened; empty directories and links that lead nowhere count."""
    make(tmp_path, {"a": "", "empty/": ""})
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
    (tmp_path / "dangling").symlink_to("nowhere")
    assert selected(tmp_path) == {"a", "empty", "dangling"}


def test_links_to_directories_are_not_entered(tmp_path: Path) -> None:
    """A link to a directory outside, or around in a circle, is one entry."""
    make(tmp_path, {"tree/a": "", "outside/secret": ""})
    (tmp_path / "tree" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "tree" / "round").symlink_to(".")
    assert selected(tmp_path / "tree") == {"a", "out", "round"}


def test_the_directory_apart_is_not_entered(tmp_path: Path) -> None:
    """Packing a home directory does not pack the packed."""
    make(tmp_path, {"a": "", ".sky/content/blobs/x": "", ".sky/y": ""})
    assert selected(tmp_path, apart_from=".sky/content") == {"a", ".sky/y"}


def test_names_may_be_any_bytes(tmp_path: Path) -> None:
    """Names and patterns that are not UTF-8 work."""
    (tmp_path / os.fsdecode(b"caf\xe9.py")).touch()
    (tmp_path / os.fsdecode(b"caf\xe9.log")).touch()
    (tmp_path / ".gitignore").write_bytes(b"caf\xe9.log\n")
    assert selected(tmp_path) == {".gitignore", os.fsdecode(b"caf\xe9.py")}


def test_parents_come_first(tmp_path: Path) -> None:
    """A directory is told before what is in it, so that a reader can make it in order."""
    make(tmp_path, {"b/c/d": "", "a": ""})
    assert [name for name, _ in select(tmp_path, tmp_path / "x")] == ["a", "b", "b/c", "b/c/d"]
