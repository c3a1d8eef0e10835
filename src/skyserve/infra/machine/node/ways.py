"""The ways to give a node its own port space, and which of them work on this machine.

* netns: a network namespace joined to a bridge by a veth pair; what goes out is forwarded. Native speed; root only.
* pasta: a network namespace of an ordinary user; pasta carries traffic in and out of it.
* relay: the same, but nothing is needed: the keeper passes connections in; HTTP(S) goes out through a proxy of ours.
* host: no port space: the machine's own, for an instance that spreads over machines, whose nodes must reach each other.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Iterable, NamedTuple

from . import kernel
from .refusal import Refusal

NETNS, PASTA, RELAY, HOST = "netns", "pasta", "relay", "host"

_TUN = "/dev/net/tun"
_IP_FORWARD = "/proc/sys/net/ipv4/ip_forward"


class Way(NamedTuple):
    """One way, tried on this machine."""

    name: str
    works: bool
    detail: str
    """Why it works not and what would help, or what it is."""


def survey(only: Iterable[str] | None = None) -> list[Way]:
    """All ways, best first, or `only` some."""
    wanted = set(only) if only else {NETNS, PASTA, RELAY}
    return [way for way in (_netns(), _pasta(), _relay()) if way.name in wanted]


def best(only: Iterable[str] | None = None) -> str:
    """The first way that works. Raises Unsupported with the reasons if none does."""
    surveyed = survey(only)
    for way in surveyed:
        if way.works:
            return way.name
    reasons = "; ".join(f"{way.name}: {way.detail}" for way in surveyed)
    raise Refusal("Unsupported", f"no way to give a replica its own ports works on this machine ({reasons})")


def _netns() -> Way:
    if os.geteuid() != 0:
        return Way(NETNS, False, "needs root")
    for binary, package in (("ip", "iproute2"), ("nft", "nftables")):
        if shutil.which(binary) is None:
            return Way(NETNS, False, f"{binary} is missing; install {package}")
    refusal = _trial(kernel.CLONE_NEWNET | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC)
    if refusal:
        return Way(NETNS, False, f"namespaces are refused ({refusal}); the container we run in must be privileged")
    if _read(_IP_FORWARD) != "1" and not os.access(_IP_FORWARD, os.W_OK):
        return Way(NETNS, False, f"{_IP_FORWARD} is 0 and cannot be written")
    if subprocess.run(["nft", "list", "tables"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        return Way(NETNS, False, "nft may not look at the firewall (no CAP_NET_ADMIN?)")
    return Way(NETNS, True, "network namespaces joined by a bridge: native speed")


def _pasta() -> Way:
    if os.geteuid() == 0:
        return Way(PASTA, False, "is for ordinary users; root has network namespaces")
    if shutil.which("pasta") is None:
        return Way(PASTA, False, "pasta is missing; install passt")
    try:
        os.close(os.open(_TUN, os.O_RDWR))
    except OSError as error:
        return Way(PASTA, False, f"{_TUN}: {error.strerror}; root can allow it with chmod 666 {_TUN}")
    # The second field of a line is the destination; the default route's is zero.
    if not any(line.split()[1] == "00000000" for line in _read("/proc/net/route").splitlines()):
        return Way(PASTA, False, "pasta wants a default route, and this machine has none")
    refusal = _user_namespace_refusal()
    if refusal:
        return Way(PASTA, False, refusal)
    return Way(PASTA, True, "network namespaces of an ordinary user, connected by pasta")


def _relay() -> Way:
    refusal = _user_namespace_refusal()
    if refusal:
        return Way(RELAY, False, refusal)
    return Way(
        RELAY, True, "network namespaces without a network: connections in are relayed, HTTP(S) goes out by a proxy"
    )


def _user_namespace_refusal() -> str:
    namespaces = kernel.CLONE_NEWNET | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC
    refusal = _trial(namespaces if os.geteuid() == 0 else namespaces | kernel.CLONE_NEWUSER)
    if not refusal:
        return ""
    return (
        f"user namespaces are refused ({refusal}); root can allow them with sysctl kernel.unprivileged_userns_clone=1 "
        "or kernel.apparmor_restrict_unprivileged_userns=0"
    )


def _trial(namespaces: int) -> str:
    """Why these namespaces cannot be had and set up; empty if they can."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _try(namespaces)
        except OSError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as file:
        refusal = file.read()
    os.waitpid(child, 0)
    return refusal


def _try(namespaces: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(namespaces)
    if namespaces & kernel.CLONE_NEWUSER:
        kernel.map_own_identity(uid, gid, uid, gid)
    if os.fork() == 0:
        # Only within a process namespace can its /proc be mounted; some containers forbid that alone.
        kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV)
    else:
        os.wait()


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""
