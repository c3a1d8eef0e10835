"""The user's files on this machine: blobs by their hash, kept while a node wants them, and trees made of them.

Files are copied out of the store, not linked, since a replica may write to what it was given.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import Any, BinaryIO

from . import records, renewal, rooms
from .records import Node
from .refusal import Refusal

_CHUNK = 1 << 20


def missing(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Which of the `blobs` that node `node` needs are not here. From now on they are kept for it."""
    node = Node(root, request["node"])
    wanted = set(request["blobs"])
    with records.admission(root):
        node.record()
        kept = set(records.read_json(node.file("blobs.json")) or ())
        if not wanted <= kept:
            records.write_private(node.file("blobs.json"), json.dumps(sorted(kept | wanted)))
    return {"missing": sorted(sha for sha in wanted if not os.path.exists(_blob(root, sha)))}


def receive(root: str, _request: dict[str, Any], body: BinaryIO) -> dict[str, Any]:
    """Take blobs from `body`: for each a line `{"sha256": ..., "size": ...}`, then that many bytes."""
    received = 0
    while True:
        line = body.readline()
        if not line:
            return {"received": received}
        header = json.loads(line)
        _receive_one(root, header["sha256"], header["size"], body)
        received += 1


def _receive_one(root: str, sha: str, size: int, body: BinaryIO) -> None:
    target = _blob(root, sha)
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    fresh = f"{target}.{os.getpid()}"
    digest = hashlib.sha256()
    try:
        with open(fresh, "wb") as file:
            left = size
            while left:
                chunk = body.read(min(left, _CHUNK))
                if not chunk:
                    raise Refusal("Transient", "the connection ended within a file")
                digest.update(chunk)
                file.write(chunk)
                left -= len(chunk)
        if digest.hexdigest() != sha:
            raise Refusal("Transient", "a file was changed while it was sent")
        os.replace(fresh, target)
    finally:
        if os.path.exists(fresh):
            os.unlink(fresh)


def materialize(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Make `destination` of node `node` hold the tree of `entries`, whose id is `tree`. Raises Gone if another label
    has followed `label`."""
    node = Node(root, request["node"])
    node.record()
    with node.files(patient=True):
        renewal.admit(node, request["label"])
        _materialize(root, node, request)
    return {}


def _materialize(root: str, node: Node, request: dict[str, Any]) -> None:
    destination: str = request["destination"]
    done = records.read_json(node.file("trees.json")) or {}
    if done.get(destination) == request["tree"]:
        return
    single = [entry["path"] for entry in request["entries"]] == ["."] and bool(request["entries"][0].get("sha256"))
    with rooms.opened(node, destination, single) as target:
        _lay_out(root, target, request["entries"])
    done[destination] = request["tree"]
    records.write_private(node.file("trees.json"), json.dumps(done))


def collect(root: str) -> None:
    """Delete blobs that no node wants any more. Called with the admission lock held."""
    wanted: set[str] = set()
    for node, _ in records.nodes(root):
        wanted.update(records.read_json(node.file("blobs.json")) or ())
    store = os.path.join(root, "blobs")
    for folder, _, files in os.walk(store, topdown=False):
        for file in files:
            if file.split(".")[0] not in wanted:
                os.unlink(os.path.join(folder, file))
        if not os.listdir(folder):
            os.rmdir(folder)


def _lay_out(root: str, target: str, entries: list[dict[str, Any]]) -> None:
    folders: list[tuple[str, int]] = []
    for entry in entries:
        path = _inside(target, entry["path"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if entry.get("sha256"):
            _replace(path, lambda fresh, entry=entry: _copy_blob(root, entry, fresh))
        elif entry.get("link") is not None:
            _replace(path, lambda fresh, entry=entry: os.symlink(entry["link"], fresh))
        else:
            os.makedirs(path, exist_ok=True)
            folders.append((path, entry["mode"]))
    # Deepest first and last of all: a folder may forbid writing to it.
    for path, mode in reversed(folders):
        os.chmod(path, mode)


def _copy_blob(root: str, entry: dict[str, Any], fresh: str) -> None:
    try:
        shutil.copyfile(_blob(root, entry["sha256"]), fresh)
    except FileNotFoundError:
        raise Refusal("Transient", "the contents of {} are not on the machine yet".format(entry["path"])) from None
    os.chmod(fresh, entry["mode"])


def _replace(path: str, make: Any) -> None:
    fresh = f"{path}.sky-{os.getpid()}"
    make(fresh)
    if os.path.isdir(path) and not os.path.islink(path):
        os.unlink(fresh)
        raise Refusal("Unsupported", f"{path} is a directory there; choose another destination")
    os.replace(fresh, path)


def _inside(target: str, relative: str) -> str:
    parts = relative.split("/")
    if relative.startswith("/") or ".." in parts:
        raise Refusal("Unsupported", f"a file may not be named {relative!r}")
    return target if relative == "." else os.path.join(target, *parts)


def _blob(root: str, sha: str) -> str:
    if len(sha) != 64 or not all(c in "0123456789abcdef" for c in sha):
        raise Refusal("Unsupported", f"{sha!r} is no SHA-256")
    return os.path.join(root, "blobs", sha[:2], sha)
