"""Makes a node's port space: puts the keeper into namespaces of its own, by the way its record names.

    netns, relay, host     pasta
    starter                pasta, in the machine's network
    └── keeper             └── keeper, process 1 of pasta's namespaces
        process 1 of its own

The keeper is process 1 of a process namespace: when it ends, however it ends, the kernel ends all the node runs.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
from typing import Callable

from . import control, kernel, network, proxy, records, relay, rooms, ways
from .records import Node, Record
from .refusal import Refusal

Serve = Callable[[], None]
"""The keeper's loop; returns when the node is to end."""

_INNER = kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC
_PASTA_IP, _PASTA_GATEWAY = "10.191.255.2", "10.191.255.1"
"""Not the machine's own address, pasta's default, so that a node reaches what listens on that."""


def address(way: str, root: str, publish: str, held: list[Record]) -> str:
    """What a new node is reached at by the other nodes of its instance."""
    if way == ways.NETNS:
        return network.address(root, held)
    if way == ways.PASTA:
        return _PASTA_IP
    return publish if way == ways.HOST else "127.0.0.1"


def listen_address(publish: str) -> str:
    """Where a port of this machine is opened: on one address where we can, on all where the one is not ours (NAT)."""
    if publish == "direct":
        return "127.0.0.1"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((publish, 0))
        except OSError:
            return "0.0.0.0"
        return str(probe.getsockname()[0])


def command(node: Node, record: Record, keep: list[str]) -> list[str]:
    """How to start the keeper, `keep`: on its own, or by pasta."""
    if record["way"] != ways.PASTA:
        return keep
    at = listen_address(record["publish"])
    forwards = [f"{at}/{host_port}:{port}" for port, host_port in record["host_ports"].items()] or ["none"]
    inbound = [word for forward in forwards for word in ("-t", forward)]
    closed = ["-T", "none", "-u", "none", "-U", "none", "--no-map-gw"]
    network_of_its_own = ["--config-net", "-a", _PASTA_IP, "-n", "24", "-g", _PASTA_GATEWAY]
    log = ["-l", node.file("pasta.log")]
    return ["pasta", "-f", "-q", "-4", *log, *inbound, *closed, *network_of_its_own, "--", *keep]


def enter(node: Node, record: Record, serve: Callable[[list[tuple[int, socket.socket]]], Serve]) -> None:
    """Become the keeper in its namespaces and run `serve(listeners)()` there.

    `serve` is called once everything is in place, with sockets of the machine and the node's ports they lead to;
    when it returns, the node is ready. In the starter this returns once the keeper is ready, or has ended.
    """
    if record["way"] == ways.PASTA:
        # Whatever pasta left open would keep its host ports busy after its death.
        os.closerange(3, 1024)
        kernel.die_with_parent(signal.SIGKILL)
        kernel.unshare(_INNER)
        _furnish(node, record)
        # Pasta made us root of its namespace; be again who we are.
        uid, gid = _outer_identity()
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
        kernel.map_own_identity(uid, gid, 0, 0)
        serve([])()
        return
    listeners = _host_listeners(record) if record["way"] == ways.RELAY else []
    if os.geteuid() != 0:
        uid, gid = os.geteuid(), os.getegid()
        kernel.unshare(kernel.CLONE_NEWUSER)
        kernel.map_own_identity(uid, gid, uid, gid)
    outlet: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
    if record["way"] == ways.RELAY:
        # Now, because the next step takes from this thread the right to start others.
        relay.spawn(lambda: relay.accept(outlet.get(), proxy.handle))
    kernel.unshare(kernel.CLONE_NEWPID)
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _keep(node, record, theirs, lambda: serve(listeners))
        return
    # Should the keeper never be heard of, this is how it is found and ended.
    records.write_private(node.file("keeper.json"), json.dumps([child, kernel.start_time(child)]))
    theirs.close()
    for _, listener in listeners:
        listener.close()
    _start(node, record, ours, child, outlet)
    if record["way"] == ways.RELAY:
        # Stays: the way out, through the machine's network.
        os.waitpid(child, 0)


def _start(
    node: Node, record: Record, keeper: socket.socket, child: int, outlet: queue.SimpleQueue[socket.socket]
) -> None:
    """The starter: give the keeper what only the machine's own network can give."""
    try:
        control.receive(keeper)
        if record["way"] == ways.NETNS:
            network.join(node.root, record)
        control.send(keeper, {})
        _, descriptors = control.receive(keeper)
    except OSError:
        os.kill(child, signal.SIGKILL)
        raise
    for descriptor in descriptors:
        outlet.put(socket.socket(fileno=descriptor))


def _keep(node: Node, record: Record, starter: socket.socket, ready: Callable[[], Serve]) -> None:
    if record["way"] == ways.RELAY:
        kernel.die_with_parent(signal.SIGKILL)
    kernel.unshare(_INNER if record["way"] == ways.HOST else _INNER | kernel.CLONE_NEWNET)
    control.send(starter, {})
    control.receive(starter)
    if record["way"] == ways.NETNS:
        network.configure(node.root, record)
    _furnish(node, record)
    loop = ready()
    if record["way"] == ways.RELAY:
        with socket.create_server(("127.0.0.1", proxy.PORT)) as inlet:
            control.send(starter, {}, [inlet.fileno()])
    else:
        control.send(starter, {})
    starter.close()
    loop()


def _furnish(node: Node, record: Record) -> None:
    if record["way"] != ways.HOST:
        kernel.loopback_up()
        # An ordinary user's service may listen on port 80, too: it is its own.
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as file:
            file.write("0")
    resolv_conf = network.resolv_conf() if record["way"] in (ways.NETNS, ways.PASTA) else None
    rooms.furnish(node, resolv_conf)


def _host_listeners(record: Record) -> list[tuple[int, socket.socket]]:
    at = listen_address(record["publish"])
    try:
        return [
            (int(port), socket.create_server((at, host_port), backlog=512))
            for port, host_port in record["host_ports"].items()
        ]
    except OSError as error:
        raise Refusal("Transient", f"a port of this machine was taken meanwhile: {error}") from None


def _outer_identity() -> tuple[int, int]:
    """Who we were before pasta made us root."""
    with open("/proc/self/uid_map") as file:
        uid = int(file.read().split()[1])
    with open("/proc/self/gid_map") as file:
        gid = int(file.read().split()[1])
    return uid, gid
