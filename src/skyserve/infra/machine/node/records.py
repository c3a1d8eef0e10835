"""What is known of each node on this machine: one directory a node, named `<instance>.<rank>`, with a record in it.

The directory exists exactly as long as the node may hold anything of the machine. Whether its processes live is told
by a file lock that its keeper holds for life, so a stale process id can never be mistaken for a replica.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from typing import Any, Iterator, TypedDict

from .refusal import Refusal

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_GLANCE_SECONDS = 2


class Record(TypedDict):
    """record.json."""

    instance: str
    rank: int
    num_nodes: int
    hosts: list[str]
    """Where the instance's nodes are, by rank."""
    token: str
    owner: str
    service: str
    replica_id: int
    cpus: float
    memory_gib: float
    gpus: list[str]
    """UUIDs of the devices that are this node's alone."""
    way: str
    """How its port space is made: see ways.py."""
    ip: str
    ports: list[int]
    publish: str
    """`direct`, or the address of this machine on which the ports are opened."""
    host_ports: dict[str, int]
    """Port of the node -> port of this machine that leads to it. Empty where the node's own address is reached."""
    created_at: float
    phase: str
    """`creating`, `ready`, `ending`."""
    processes: list[list[int]]
    """Process id and start time of each process that holds the node: its keeper, and what carries its traffic."""


class Node:
    """The directory of one node."""

    def __init__(self, root: str, name: str) -> None:
        if not _SAFE_NAME.fullmatch(name):
            raise Refusal("Gone", f"{name!r} is no name of a node")
        self.root = root
        self.name = name
        self.path = os.path.join(root, "nodes", name)

    def file(self, *parts: str) -> str:
        """A path within the directory."""
        return os.path.join(self.path, *parts)

    @property
    def home(self) -> str:
        """What `~` is to the replica."""
        return self.file("home")

    @property
    def workdir(self) -> str:
        """Where scripts run."""
        return self.file("home", "sky_workdir")

    def make(self, record: Record) -> None:
        """Begin to exist. Raises OSError if the node does already."""
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        os.mkdir(self.path, 0o700)
        self.save(record)
        for inner in (self.home, self.workdir, self.file("scripts")):
            os.mkdir(inner, 0o700)
        os.mkdir(self.file("tmp"))
        os.chmod(self.file("tmp"), 0o1777)

    def save(self, record: Record) -> None:
        """Write the record, so that a reader sees the old one or the new one."""
        write_private(self.file("record.json"), json.dumps(record))

    def record(self) -> Record:
        """Raises Gone."""
        try:
            with open(self.file("record.json")) as file:
                record: Record = json.load(file)
        except FileNotFoundError:
            raise Refusal("Gone", f"node {self.name} exists no more") from None
        return record

    def alive(self) -> bool:
        """Its keeper lives, and so its port space does."""
        return _is_locked(self.file("alive"))

    @contextlib.contextmanager
    def creation(self) -> Iterator[None]:
        """Held by whoever creates the node: a second call waits for the first."""
        with _locked(self.file("creation")):
            yield

    @contextlib.contextmanager
    def files(self, *, patient: bool) -> Iterator[None]:
        """Held by whoever brings files, or changes whose files are brought. Raises Transient if another holds it and we
        are not patient."""
        try:
            with _locked(self.file("files"), patient=patient):
                yield
        except BlockingIOError:
            raise Refusal("Transient", f"files are being brought to node {self.name}") from None

    def state(self, record: Record) -> str:
        """`pending`, `running` or `stopped`, as InstanceState has it."""
        if record["phase"] == "ready":
            return "running" if self.alive() else "stopped"
        # Also if whoever created it has died meanwhile: the next launch with its token goes on.
        return "pending" if record["phase"] == "creating" else "stopped"


def nodes(root: str) -> list[tuple[Node, Record]]:
    """All nodes on this machine, in the order of their names."""
    try:
        names = sorted(os.listdir(os.path.join(root, "nodes")))
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        node = Node(root, name)
        # A directory without a record is one that is just being made, or taken away.
        with contextlib.suppress(Refusal):
            found.append((node, node.record()))
    return found


@contextlib.contextmanager
def admission(root: str) -> Iterator[None]:
    """Held while what is free is counted and taken, and while the machine's network is changed."""
    os.makedirs(root, mode=0o700, exist_ok=True)
    with _locked(os.path.join(root, "lock")):
        yield


def hold_alive(node: Node) -> int:
    """Mark the node as alive for as long as this process lives. The descriptor must stay open.

    Raises BlockingIOError if another process holds it.
    """
    descriptor = os.open(node.file("alive"), os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _GLANCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Those who look hold it for a moment; a keeper would not let go.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return descriptor


def write_private(path: str, text: str) -> None:
    """Replace a file, readable by its owner alone, at once."""
    fresh = f"{path}.{os.getpid()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)
    os.replace(fresh, path)


def read_json(path: str) -> Any:
    """What a file holds; None if there is no such file."""
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _locked(path: str, *, patient: bool = True) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if patient else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _is_locked(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        # A shared lock, so that two who look at the same time do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
