"""Starting the controller on demand: real processes that behave as the real one does at its start."""

import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bench.processes import all_in
from skyserve.client.client import Client
from skyserve.client.launcher import Launcher
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.home import Home
from skyserve.model.view import PROTOCOL
from tests.api.serving import until

CONTROLLER = """
import asyncio, fcntl, os, pathlib, sys
from skyserve.api.app import create_app
from skyserve.api.server import serve
from skyserve.model.home import Home
from tests.api.fake import FakeOperations

home = Home.of(os.environ)
lock = open(home.controller_lock, "a")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(0)
with open(home.serve / "pids", "a") as pids:
    print(os.getpid(), file=pids)
fake = FakeOperations()
asyncio.run(serve(create_app(fake), home.api_socket, fake.ended))
"""

ROOT = Path(__file__).parents[2]


@pytest.fixture
def started(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home whose controllers are ended, those too that are still starting: one may get the lock of one that ends."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'src'}")
    yield home
    while left := all_in(home):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def pids(home: Home) -> list[int]:
    """Of all controllers that got the lock."""
    path = home.serve / "pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def launcher(home: Home, program: str = CONTROLLER, patience: float = 60) -> Launcher:
    """One that starts the program as the controller."""
    return Launcher(home, (sys.executable, "-c", program), patience)


def test_a_controller_is_started_when_it_is_needed_and_stays(started: Home) -> None:
    """The first call starts it, later ones use it, and its log is the user's alone."""
    client = Client(started, launcher=launcher(started))
    assert client.plan("web").service == "web"
    assert client.plan("web").service == "web"
    (pid,) = pids(started)
    assert os.getsid(pid) == pid, "a signal to the terminal's processes must not reach it"
    assert stat.S_IMODE(started.controller_log.stat().st_mode) == 0o600
    client.stop_controller()
    assert client.health() is None


def test_clients_that_start_at_once_share_one_controller(started: Home) -> None:
    """Several that find none all start one; one gets the lock, and all are served by it."""
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(launcher(started).ensure().pid), daemon=True) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == pids(started) * 3


def test_one_that_cannot_start_says_why(home: Home) -> None:
    """The last lines of its log, of this start only, and where the log is."""
    home.serve.mkdir(parents=True)
    home.controller_log.write_text("an older failure\n")
    with pytest.raises(ServeError) as raised:
        launcher(home, "print('no database'); raise SystemExit(4)").ensure()
    assert raised.value.kind is ErrorKind.UNAVAILABLE
    assert "exit code 4" in raised.value.message
    assert "no database" in raised.value.message
    assert "older" not in raised.value.message
    assert str(home.controller_log) in raised.value.remedy


def test_one_that_never_answers_is_given_up(home: Home) -> None:
    """The wait has an end."""
    with pytest.raises(ServeError, match=r"did not answer within 0\.1 seconds"):
        launcher(home, "", patience=0.1).ensure()


def test_it_is_started_again_where_the_old_one_was_just_ending(started: Home) -> None:
    """A controller that ended with 0, because the lock was still held by one on its way out, is no last word."""
    program = f"""
import os, pathlib, sys
mark = pathlib.Path(os.environ["SKY_HOME"], "tried")
if not mark.exists():
    mark.touch()
    sys.exit(0)
{CONTROLLER}"""
    assert launcher(started, program).ensure().pid == pids(started)[0]


def test_a_controller_of_another_version_is_told(started: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who must be restarted, and how; `sky api stop` works all the same."""
    first = launcher(started)
    first.ensure()
    monkeypatch.setattr("skyserve.client.launcher.PROTOCOL", 99)
    with pytest.raises(
        ServeError, match=f"speaks version {PROTOCOL} of the API; this client speaks version 99"
    ) as raised:
        first.ensure()
    assert raised.value.kind is ErrorKind.VERSION_MISMATCH
    assert "sky api stop" in raised.value.remedy
    first.stop()
    until(lambda: not started.api_socket.exists())
