"""How a node comes to be: admitted and recorded under a lock, then started."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from typing import Any, Iterator

from . import admission, control, death, kernel, listing, network, records, scripts, spaces, ways
from .records import Node, Record
from .refusal import Refusal

_START_SECONDS = 20
_POLL_SECONDS = 0.005


def create(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """A node for the `rank` of `token`; the one there is, if it was created before. Raises NoCapacity, Unsupported."""
    with records.admission(root):
        node = _known(root, request) or _reserve(root, request)
    with node.creation():
        record = node.record()
        if record["phase"] == "creating":
            # A creation that was cut short may have left something behind.
            death.end_processes(node, record, grace=0)
            try:
                _begin(node, record)
            except Exception:
                death.end_processes(node, record, grace=0)
                death.remove(node)
                raise
    return {"node": listing.describe(node, node.record())}


def _known(root: str, request: dict[str, Any]) -> Node | None:
    sought = (request["owner"], request["token"], request["rank"])
    for node, record in records.nodes(root):
        if (record["owner"], record["token"], record["rank"]) == sought:
            return node
    return None


def _reserve(root: str, request: dict[str, Any]) -> Node:
    way: str = ways.HOST if request["ways"] == [ways.HOST] else ways.best(request["ways"])
    if way in (ways.PASTA, ways.RELAY) and request["num_nodes"] > 1:
        raise Refusal(
            "Unsupported",
            f"num_nodes: {request['num_nodes']} on one machine needs root there (port spaces by {way} do not reach "
            "each other); use num_nodes: 1, or a pool of several machines",
        )
    held = [record for _, record in records.nodes(root)]
    record: Record = {
        "instance": request["instance"],
        "rank": request["rank"],
        "num_nodes": request["num_nodes"],
        "hosts": request["hosts"],
        "token": request["token"],
        "owner": request["owner"],
        "service": request["service"],
        "replica_id": request["replica_id"],
        "cpus": request["cpus"],
        "memory_gib": request["memory_gib"],
        "gpus": admission.admit(request, held),
        "way": way,
        "ip": spaces.address(way, root, request["publish"], held),
        "ports": request["ports"],
        "publish": request["publish"],
        "host_ports": _host_ports(way, request, held),
        "created_at": time.time(),
        "phase": "creating",
        "processes": [],
    }
    node = Node(root, f"{request['instance']}.{request['rank']}")
    node.make(record)
    return node


def _host_ports(way: str, request: dict[str, Any], held: list[Record]) -> dict[str, int]:
    """A port of this machine for each port of the node, where the node's own address will not do."""
    ports: list[int] = request["ports"]
    if way == ways.NETNS and request["publish"] == "direct":
        return {}
    taken = {port for record in held for port in record["host_ports"].values()}
    if way == ways.HOST:
        for port in ports:
            if port in taken or not _is_free(port):
                raise Refusal("NoCapacity", f"port {port} of the machine is in use; free it or use another machine")
        return {str(port): port for port in ports}
    free = _free_ports(request["host_port_range"], taken)
    return {str(port): next(free) for port in ports}


def _free_ports(span: list[int], taken: set[int]) -> Iterator[int]:
    """Beginning anywhere, so that who still knows a port of a node that is gone does not reach a stranger."""
    first, last = span
    candidates = list(range(first, last + 1))
    start = random.randrange(len(candidates))
    for port in candidates[start:] + candidates[:start]:
        if port not in taken and _is_free(port):
            yield port
    raise Refusal("NoCapacity", f"all ports from {first} to {last} of the machine are in use")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _begin(node: Node, record: Record) -> None:
    """Start the keeper and wait until it answers."""
    with records.admission(node.root):
        network.settle(node.root)
    keep = [sys.executable, "-I", "-S", os.path.abspath(sys.argv[0]), "keep", node.path]
    environment = {key: value for key, value in os.environ.items() if scripts.INHERITED.fullmatch(key)}
    with open(node.file("keeper.log"), "ab") as log:
        process = subprocess.Popen(
            spaces.command(node, record, keep),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    _note_process(node, record, process.pid)
    deadline = time.monotonic() + _START_SECONDS
    while (pid := control.keeper_pid(node)) is None:
        if process.poll() or time.monotonic() > deadline:
            raise Refusal("Transient", f"node {node.name} did not start: {_last_words(node)}")
        time.sleep(_POLL_SECONDS)
    control.ask(node, {"op": "hello"})
    record["phase"] = "ready"
    _note_process(node, record, pid)


def _note_process(node: Node, record: Record, pid: int) -> None:
    started = kernel.start_time(pid)
    if started is not None:
        record["processes"] = [*record["processes"], [pid, started]]
    node.save(record)


def _last_words(node: Node) -> str:
    said = []
    for name in ("keeper.log", "pasta.log"):
        try:
            with open(node.file(name), errors="replace") as file:
                said.append(" ".join(file.read()[-300:].split()))
        except FileNotFoundError:
            continue
    return "; ".join(words for words in said if words) or "it said nothing"
