"""An installation at rest needs no processes."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bench.processes import all_in
from tests.homes import own_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]
PATIENCE_SECONDS = 120.0


def test_the_controller_ends_itself_when_it_has_nothing_to_do() -> None:
    """Without a service for the configured time it ends, and Envoy with it; the next command starts it again."""
    with tempfile.TemporaryDirectory(prefix="sky-") as folder:
        home = own_home(Path(folder), "autostop: {idle_minutes: 0}")
        sky = [str(Path(sys.executable).parent / "sky"), "api", "start"]
        environment = {**os.environ, "SKY_HOME": folder}
        for _ in range(2):
            subprocess.run(sky, env=environment, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while all_in(home):
                assert time.monotonic() < deadline, home.controller_log.read_text()
                time.sleep(0.2)
        assert home.controller_log.read_text().count("the controller stops") == 2
