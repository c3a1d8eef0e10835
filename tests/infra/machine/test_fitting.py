"""Which machine can hold what."""

import pytest

from skyserve.infra.machine.fitting import DEFAULT_CPUS, DEFAULT_MEMORY_GIB, Need, Room, spread
from skyserve.infra.machine.node.facts import matches
from skyserve.model.resources import Accelerators, Amount, ResourceRequest

_ONE = Need(cpus=1, memory_gib=1, accelerators=None)


@pytest.mark.parametrize(
    ("wanted", "device", "same"),
    [
        ("A100-80GB", "NVIDIA A100-SXM4-80GB", True),
        ("a100", "NVIDIA A100-SXM4-80GB", True),
        ("A100-80GB", "NVIDIA A100-SXM4-40GB", False),
        ("RTX4090", "NVIDIA GeForce RTX 4090", True),
        ("L4", "NVIDIA L4", True),
        ("L4", "NVIDIA L40S", False),
        ("H100", "NVIDIA H200", False),
    ],
)
def test_devices_are_matched_by_whole_words(wanted: str, device: str, same: bool) -> None:
    """The field's usual names find what nvidia-smi calls differently, and nothing that only begins the same."""
    assert matches(wanted, device) is same


def test_an_unspecified_amount_takes_the_default() -> None:
    """A request without amounts is counted as the documented default; `4+` counts as 4."""
    assert Need.of(ResourceRequest()) == Need(DEFAULT_CPUS, DEFAULT_MEMORY_GIB, None)
    assert Need.of(ResourceRequest(cpus=Amount(4, at_least=True))).cpus == 4


def test_the_scarcest_amount_decides() -> None:
    """As many nodes fit as the scarcest of cpus, memory and devices allows; part of a device counts as a whole one."""
    room = Room(cpus=8, memory_gib=100, gpus=3)
    assert room.holds(Need(2, 10, None)) == 4
    assert room.holds(Need(1, 60, None)) == 1
    assert room.holds(Need(1, 1, Accelerators("L4", 2))) == 1
    assert room.holds(Need(1, 1, Accelerators("L4", 0.5))) == 3
    assert room.holds(Need(9, 1, None)) == 0


def test_nodes_spread_over_machines_the_smallest_first() -> None:
    """Each node gets a machine of its own, after the head the smallest that does: large ones stay free."""
    rooms = {"big": Room(64, 64, 0), "head": Room(8, 8, 0), "small": Room(4, 4, 0), "tiny": Room(0.5, 8, 0)}
    assert spread("head", 2, rooms, _ONE, machines=4) == ("head", "small")
    assert spread("head", 3, rooms, _ONE, machines=4) == ("head", "small", "big")
    assert spread("head", 4, rooms, _ONE, machines=4) is None


def test_the_only_machine_holds_all_nodes() -> None:
    """With one machine all nodes are put on it, if they fit."""
    assert spread("host", 2, {"host": Room(2, 2, 0)}, _ONE, machines=1) == ("host", "host")
    assert spread("host", 3, {"host": Room(2, 2, 0)}, _ONE, machines=1) is None


def test_a_machine_that_does_not_answer_still_counts() -> None:
    """If of two machines one is silent, the other is not taken for the only one: the nodes do not pile up on it."""
    assert spread("host", 2, {"host": Room(8, 8, 0)}, _ONE, machines=2) is None
