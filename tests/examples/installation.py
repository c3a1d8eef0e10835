"""An installation of its own for a test, used as a person uses it: by the command line."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.processes import all_in
from skyserve.infra.machine.node import network
from skyserve.model.home import Home
from tests.homes import own_home

ROOT = Path(__file__).parents[2]
SKY = Path(sys.executable).parent / "sky"
PATIENCE_SECONDS = 300
"""For what a loaded machine does slowly; nothing here is expected to take nearly as long."""


class Installation:
    """`sky`, with its files in `home`."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.environment = {**os.environ, "SKY_HOME": str(home.root), "PATH": f"{SKY.parent}:{os.environ['PATH']}"}

    def sky(self, *arguments: str, directory: Path = ROOT) -> str:
        """Run a command that must succeed; what it printed."""
        done = subprocess.run(
            [SKY, *arguments],
            cwd=directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, f"sky {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def service(self, name: str) -> dict[str, Any]:
        """The service as `sky serve status -o json` shows it."""
        (view,) = json.loads(self.sky("serve", "status", name, "-o", "json"))
        assert isinstance(view, dict)
        return view

    def up(self, directory: Path, name: str) -> str:
        """Start the directory's service, wait until all its replicas are ready; its endpoint."""
        self.sky("serve", "up", "service.yaml", "-n", name, "-y", "--wait", directory=directory)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (view := self.service(name))["ready_replicas"] < view["target_replicas"]:
            assert time.monotonic() < deadline, self.sky("serve", "logs", name, "--controller", "--no-follow")
            time.sleep(0.5)
        return str(view["endpoint"])

    def end(self) -> None:
        """Take everything down, also what a failed test left."""
        self.sky("serve", "down", "--all", "-y", "--wait")
        self.sky("api", "stop")

    def remains(self) -> list[str]:
        """What is left of it on this machine, but for the database, logs and caches below its root."""
        return list(self._remains())

    def _remains(self) -> Iterator[str]:
        for pid in all_in(self.home):
            yield f"process {pid}"
        bridge = network.bridge_name(str(self.home.local_machine))
        for listing in (["ip", "-brief", "link"], ["nft", "list", "tables"], ["ip", "netns", "list"]):
            output = subprocess.run(listing, stdout=subprocess.PIPE, text=True, check=True).stdout
            yield from (f"{listing[0]}: {line}" for line in output.splitlines() if bridge in line)
        mounts = Path("/proc/mounts").read_text().splitlines()
        yield from (f"mount {line}" for line in mounts if str(self.home.root) in line)
        nodes = self.home.local_machine / "nodes"
        yield from (f"files {path}" for path in (nodes.iterdir() if nodes.exists() else ()))

    def assert_nothing_remains(self) -> None:
        """Raise if anything does for longer than processes take to die."""
        deadline = time.monotonic() + 30
        while remains := self.remains():
            assert time.monotonic() < deadline, remains
            time.sleep(0.2)


@contextmanager
def own_installation(*settings: str) -> Iterator[Installation]:
    """An empty installation, with these settings (see own_home). Afterwards nothing of it is left, whatever became of
    what used it."""
    # Directly below /tmp, since the paths of its sockets must be short.
    with tempfile.TemporaryDirectory(prefix="sky-example-") as root:
        mine = Installation(own_home(Path(root), *settings))
        try:
            yield mine
        finally:
            mine.end()
        mine.assert_nothing_remains()
