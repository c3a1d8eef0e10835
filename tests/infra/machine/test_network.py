"""The machine's side of network namespaces: addresses and rules, as text."""

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest

from skyserve.infra.machine.node import network
from skyserve.infra.machine.node.refusal import Refusal


@pytest.fixture
def bridged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A root whose bridge is there already, with a small subnet."""
    monkeypatch.setattr(network, "_ensure", lambda root: json.loads((tmp_path / "network.json").read_text()))
    (tmp_path / "network.json").write_text(json.dumps({"subnet": "10.200.1.0/29"}))
    return str(tmp_path)


def test_addresses_go_round(bridged: str) -> None:
    """The address of a node that is gone is given out again last; a full subnet is NoCapacity."""
    first = network.address(bridged, [])
    second = network.address(bridged, [_held(first)])
    third = network.address(bridged, [_held(second)])
    assert len({first, second, third}) == 3
    everything = [_held(f"10.200.1.{number}") for number in range(2, 7)]
    with pytest.raises(Refusal) as refused:
        network.address(bridged, everything)
    assert refused.value.kind == "NoCapacity"


def test_a_subnet_that_is_routed_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subnet that overlaps any route of the machine is not chosen."""
    monkeypatch.setattr(network, "_routes", lambda: [ipaddress.IPv4Network("10.192.0.0/11")])
    chosen = network._free_subnet("sky00000000")
    assert chosen.subnet_of(ipaddress.IPv4Network("10.224.0.0/11"))


def test_the_rules_open_each_published_port() -> None:
    """Every published port leads to its node, from outside and from the machine itself; what goes out is masked."""
    rules = network._rules("sky0", "10.200.1.0/24", [_held("10.200.1.2", {"8080": 20001})])
    assert rules.count("tcp dport 20001 dnat to 10.200.1.2:8080") == 2
    assert "ip saddr 10.200.1.0/24 ip daddr != 10.200.1.0/24 masquerade" in rules


def _held(ip: str, host_ports: dict[str, int] | None = None) -> Any:
    return {"ip": ip, "host_ports": host_ports or {}}
