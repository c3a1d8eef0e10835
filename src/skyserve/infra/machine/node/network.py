"""This machine's side of the `netns` way: a bridge, a subnet, and firewall rules, there while any node is.

One installation root has one bridge and one nft table, both named after a hash of the root, so that several
installations live side by side. Rules are written anew from the records each time: nothing to undo by hand.
A node's end of its veth pair lives in its namespace, and goes with it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import re
import shutil
import subprocess
from typing import Iterable

from . import records, ways
from .records import Record
from .refusal import Refusal

_SUBNETS = ipaddress.IPv4Network("10.192.0.0/10")
"""Where a /24 for our nodes is looked for: the part of 10/8 that home routers, docker and VPNs rarely use."""
_FILE = "network.json"


def address(root: str, held: Iterable[Record]) -> str:
    """A free address for one more node; makes the bridge if this is the first. Called with the admission lock held.

    Addresses go round, so that who still holds the address of a node that is gone does not reach a stranger.
    """
    state = _ensure(root)
    subnet = ipaddress.IPv4Network(state["subnet"])
    taken = {record["ip"] for record in held}
    hosts = [str(host) for host in subnet.hosts()][1:]
    last = state.get("last", hosts[-1])
    start = hosts.index(last) + 1
    for host in hosts[start:] + hosts[:start]:
        if host not in taken:
            _write(root, {**state, "last": host})
            return host
    raise Refusal("NoCapacity", f"all {len(hosts)} addresses of {subnet} are in use on this machine")


def settle(root: str) -> None:
    """Make the firewall say what the records say; with no node left, remove rules and bridge.

    Called with the admission lock held.
    """
    state = records.read_json(os.path.join(root, _FILE))
    if state is None:
        return
    bridge = bridge_name(root)
    held = [record for _, record in records.nodes(root) if record["way"] == ways.NETNS]
    if held:
        _nft(_rules(bridge, state["subnet"], held))
        _open_docker(bridge, wanted=True)
        return
    _nft(f"add table ip {bridge}\ndelete table ip {bridge}\n")
    _open_docker(bridge, wanted=False)
    if _exists(bridge):
        _ip(f"link del {bridge}")
    os.unlink(os.path.join(root, _FILE))


def join(root: str, record: Record) -> None:
    """Connect the fresh network namespace of a node's keeper to the bridge, as its `eth0`.

    Called by the keeper's parent, whose children are born into the keeper's process namespace: there it is process 1.
    """
    bridge = bridge_name(root)
    end = _end(bridge, record["ip"])
    if _exists(end):
        _ip(f"link del {end}")
    mtu = _mtu(_uplink())
    _ip(
        f"link add {end} mtu {mtu} type veth peer name eth0 mtu {mtu} netns 1",
        f"link set {end} master {bridge} up",
    )


def configure(root: str, record: Record) -> None:
    """Within the namespace: the address, and the way out."""
    subnet = ipaddress.IPv4Network(records.read_json(os.path.join(root, _FILE))["subnet"])
    _ip(
        f"addr add {record['ip']}/{subnet.prefixlen} dev eth0",
        "link set eth0 up",
        f"route add default via {next(subnet.hosts())}",
    )


def resolv_conf() -> str | None:
    """What a node's resolv.conf must say; None if the machine's own will do.

    The machine's may name a resolver on its own loopback address, which is another in the node; systemd keeps the
    real ones beside it.
    """
    for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        try:
            with open(path) as file:
                text = file.read()
        except OSError:
            continue
        servers = re.findall(r"^\s*nameserver\s+(\S+)", text, re.MULTILINE)
        if servers and not any(server.startswith("127.") or server == "::1" for server in servers):
            return None if path == "/etc/resolv.conf" else text
    return None


def _ensure(root: str) -> dict[str, str]:
    bridge = bridge_name(root)
    state: dict[str, str] | None = records.read_json(os.path.join(root, _FILE))
    if state is None or not _exists(bridge):
        subnet = _free_subnet(bridge)
        state = {"subnet": str(subnet)}
        _write(root, state)
        if not _exists(bridge):
            _ip(f"link add {bridge} mtu {_mtu(_uplink())} type bridge")
        _ip(f"addr replace {next(subnet.hosts())}/{subnet.prefixlen} dev {bridge}", f"link set {bridge} up")
    with open("/proc/sys/net/ipv4/ip_forward") as file:
        forwarding = file.read().strip() == "1"
    if not forwarding:
        with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
            file.write("1")
    return state


def _free_subnet(bridge: str) -> ipaddress.IPv4Network:
    routes = _routes()
    candidates = list(_SUBNETS.subnets(new_prefix=24))
    start = int(bridge[3:], 16) % len(candidates)
    for subnet in (*candidates[start:], *candidates[:start]):
        if not any(subnet.overlaps(route) for route in routes):
            return subnet
    raise Refusal("NoCapacity", f"every subnet of {_SUBNETS} is routed elsewhere on this machine")


def _routes() -> list[ipaddress.IPv4Network]:
    """What this machine routes somewhere, but for the default."""
    found = []
    with open("/proc/net/route") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            target, mask = (int.from_bytes(bytes.fromhex(field), "little") for field in (fields[1], fields[7]))
            if mask:
                found.append(ipaddress.IPv4Network((target, bin(mask).count("1"))))
    return found


def _rules(bridge: str, subnet: str, held: list[Record]) -> str:
    opened = [
        f"ip daddr != 127.0.0.0/8 fib daddr type local tcp dport {host_port} dnat to {record['ip']}:{port}"
        for record in held
        for port, host_port in record["host_ports"].items()
    ]
    into = "\n".join(opened)
    return f"""add table ip {bridge}
delete table ip {bridge}
table ip {bridge} {{
  chain prerouting {{ type nat hook prerouting priority dstnat; policy accept;
    {into}
  }}
  chain output {{ type nat hook output priority -100; policy accept;
    {into}
  }}
  chain postrouting {{ type nat hook postrouting priority srcnat; policy accept;
    ip saddr {subnet} ip daddr != {subnet} masquerade
  }}
}}
"""


def _open_docker(bridge: str, *, wanted: bool) -> None:
    """Docker and ufw drop what is forwarded unless a rule of theirs allows it; no table of ours can overrule that."""
    if shutil.which("iptables") is None:
        return
    for direction in ("-i", "-o"):
        rule = ["FORWARD", direction, bridge, "-j", "ACCEPT"]
        there = _quiet(["iptables", "-w", "-C", *rule])
        if there != wanted:
            _quiet(["iptables", "-w", "-I" if wanted else "-D", *rule])


def bridge_name(root: str) -> str:
    """What the bridge, and the nft table, of an installation are called."""
    return "sky" + hashlib.sha256(os.path.realpath(root).encode()).hexdigest()[:8]


def _end(bridge: str, ip: str) -> str:
    """The name of a veth end: at most 15 characters."""
    return f"{bridge}.{ip.rpartition('.')[2]}"


def _exists(link: str) -> bool:
    return os.path.exists(f"/sys/class/net/{link}")


def _uplink() -> str | None:
    with open("/proc/net/route") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            if fields[1] == fields[7] == "00000000":
                return fields[0]
    return None


def _mtu(link: str | None) -> int:
    """Of the way out: larger packets would only be cut up there. Ethernet's where there is none."""
    try:
        with open(f"/sys/class/net/{link}/mtu") as file:
            return int(file.read())
    except OSError:
        return 1500


def _write(root: str, state: dict[str, str]) -> None:
    records.write_private(os.path.join(root, _FILE), json.dumps(state))


def _ip(*lines: str) -> None:
    _fed(["ip", "-batch", "-"], "\n".join(lines) + "\n")


def _nft(rules: str) -> None:
    _fed(["nft", "-f", "-"], rules)


def _fed(command: list[str], text: str) -> None:
    done = subprocess.run(command, input=text.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise OSError(f"{command[0]} failed: {done.stderr.decode(errors='replace').strip()}")


def _quiet(command: list[str]) -> bool:
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
