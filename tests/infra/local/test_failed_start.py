"""A node that cannot be started says why, and leaves nothing."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from skyserve.contracts.errors import Transient
from skyserve.infra.local.infra import local_infra
from skyserve.infra.machine.infra import MachineOptions
from skyserve.infra.machine.node import network, ways
from tests.infra.local.test_survival import launch

_IP = """#!/bin/bash
# Does as the real one, but makes no pairs of interfaces.
input=$(cat)
case "$input" in
  *veth*) echo "no pairs today" >&2; exit 1;;
  *) PATH=${PATH#*:} exec ip "$@" <<< "$input";;
esac
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place with an `ip` that comes before the real one."""
    with tempfile.TemporaryDirectory(prefix="sky-local-") as made:
        program = Path(made, "bin", "ip")
        program.parent.mkdir()
        program.write_text(_IP)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        yield Path(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")
async def test_what_went_wrong_is_told_and_undone(folder: Path) -> None:
    """If a node's network cannot be made, the launch is Transient with the reason, and no trace is left of it."""
    root = folder / "root"
    infra = local_infra(root, MachineOptions(ways=(ways.NETNS,)))
    with pytest.raises(Transient, match="no pairs today"):
        await launch(infra, "1-1")
    assert os.listdir(root / "nodes") == []
    assert not [link for link in os.listdir("/sys/class/net") if link.startswith(network.bridge_name(str(root)))]
    await infra.close()
