"""The fake controller as that of the environment, so that `sky` finds it by itself."""

from pathlib import Path

import pytest

from skyserve.model.home import Home
from tests.api.conftest import home, operations

__all__ = ["home", "operations"]


@pytest.fixture(autouse=True)
def environment(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's own is read or written, and looks follow each other at once."""
    monkeypatch.setenv("SKY_HOME", str(home.root))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("skyserve.cli.progress.POLL_SECONDS", 0)


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    """A service's YAML."""
    path = tmp_path / "service.yaml"
    path.write_text("run: serve\nresources: {ports: 8080, cpus: 2}\nservice: {readiness_probe: /health, replicas: 2}\n")
    return path
