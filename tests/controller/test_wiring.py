"""The parts of wiring that need no machine."""

import os
from pathlib import Path

import pytest

from skyserve.model.home import Home
from skyserve.spec.errors import SpecError
from skyserve.wiring import discovery, user_name


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers often run as a user that no file knows; the controller starts all the same."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert user_name() == "54321"


def test_a_pools_file_with_mistakes_does_not_stop_what_runs_elsewhere(tmp_path: Path) -> None:
    """The controller starts with this machine alone; whoever asks for more is told the mistake."""
    home = Home(tmp_path)
    home.ssh_node_pools.write_text("lab: {hosst: [a]}\n")
    discover = discovery(home)
    assert [infra.name for infra in discover()] == ["local"]
    with pytest.raises(SpecError, match="hosst"):
        discover()
    home.ssh_node_pools.unlink()
    assert [infra.name for infra in discover()] == ["local"]
