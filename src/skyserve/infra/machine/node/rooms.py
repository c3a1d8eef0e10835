"""A node's own view of the file system: the machine's, but for /tmp, /dev/shm, /proc, and where files are mounted.

Everything here happens in the node's mount namespace: the machine's files are not touched, nothing has to be undone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
from typing import Iterator

from . import control, kernel
from .records import Node
from .refusal import Refusal

_MAX_NEIGHBOURS = 512
"""Entries of a directory that are mounted one by one to make room for another beside them."""
_REMEDY = "choose a destination below ~ or ~/sky_workdir"


def furnish(node: Node, resolv_conf: str | None) -> None:
    """In a fresh mount namespace, give the node what must be its own."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV)
    if os.path.isdir("/dev/shm"):
        kernel.mount("tmpfs", "/dev/shm", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
    if resolv_conf is not None:
        with open(node.file("resolv.conf"), "w") as file:
            file.write(resolv_conf)
        kernel.mount(node.file("resolv.conf"), os.path.realpath("/etc/resolv.conf"), None, kernel.MS_BIND)
    folder = os.open(node.path, os.O_PATH | os.O_DIRECTORY)
    kernel.mount(node.file("tmp"), "/tmp", None, kernel.MS_BIND)
    if os.path.realpath(node.path).startswith("/tmp/"):
        # The installation itself has just been covered.
        os.makedirs(node.path, mode=0o700, exist_ok=True)
        kernel.mount(f"/proc/self/fd/{folder}", node.path, None, kernel.MS_BIND | kernel.MS_REC)
    os.close(folder)


@contextlib.contextmanager
def opened(node: Node, destination: str, single: bool) -> Iterator[str]:
    """The path on this machine to write to, so that the node finds it at `destination`; a file if `single`.

    Raises Unsupported for a destination that would touch what belongs to others.
    """
    path = posixpath.normpath(destination)
    if not destination or ".." in path.split("/"):
        raise Refusal("Unsupported", f"destination {destination!r} leads out of the replica's directory; {_REMEDY}")
    if path == "~" or path.startswith("~/"):
        yield _below(node.home, path[2:])
    elif path.startswith("/tmp/"):
        yield _below(node.file("tmp"), path[5:])
    elif not path.startswith("/"):
        yield _below(node.workdir, path)
    else:
        room = node.file("mounts", hashlib.sha256(path.encode()).hexdigest()[:16])
        existed = os.path.exists(room)
        os.makedirs(os.path.dirname(room), mode=0o700, exist_ok=True)
        yield room
        if not existed:
            control.ask(node, {"op": "mount", "source": room, "target": path, "single": single})


def mount(source: str, target: str, single: bool) -> None:
    """Within the node: make `source` appear at `target`, where nothing of the machine's may be hidden.

    Raises Unsupported, with what to choose instead.
    """
    if os.path.lexists(target) and not _is_empty_directory(target):
        raise Refusal("Unsupported", f"{target} exists on this machine and may belong to others; {_REMEDY}")
    parent = target
    while not os.path.lexists(parent):
        parent = posixpath.dirname(parent)
    try:
        if parent != target:
            _make_writable(parent)
            os.makedirs(posixpath.dirname(target), exist_ok=True)
            _make_point(target, directory=not single)
        kernel.mount(source, target, None, kernel.MS_BIND)
    except OSError as error:
        raise Refusal("Unsupported", f"{target} cannot be had on this machine ({error}); {_REMEDY}") from None


def _make_writable(folder: str) -> None:
    """Put an empty directory in memory in front of `folder`, with everything that was in it mounted into it."""
    if not os.path.isdir(folder):
        raise OSError(f"{folder} is not a directory")
    neighbours = os.listdir(folder)
    if len(neighbours) > _MAX_NEIGHBOURS:
        raise OSError(f"{folder} has more than {_MAX_NEIGHBOURS} entries")
    front = "/dev/shm/.sky-front"
    os.makedirs(front, exist_ok=True)
    kernel.mount("tmpfs", front, "tmpfs", 0, "mode=755")
    for name in neighbours:
        original, copy = posixpath.join(folder, name), posixpath.join(front, name)
        if os.path.islink(original):
            os.symlink(os.readlink(original), copy)
        elif os.path.isdir(original) or os.path.isfile(original):
            _make_point(copy, directory=os.path.isdir(original))
            kernel.mount(original, copy, None, kernel.MS_BIND | kernel.MS_REC)
    if folder == "/":
        kernel.change_root(front)
    else:
        kernel.mount(front, folder, None, kernel.MS_MOVE)


def _make_point(path: str, directory: bool) -> None:
    if directory:
        os.mkdir(path)
    else:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))


def _is_empty_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path) and not os.listdir(path)


def _below(folder: str, relative: str) -> str:
    return posixpath.normpath(posixpath.join(folder, relative))
