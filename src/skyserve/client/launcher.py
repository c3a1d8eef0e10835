"""The controller's process: found, or started on demand as a daemon that outlives whoever needed it."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from skyserve.client import calls
from skyserve.client.unix_http import CutOff, NotRunning, send
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.home import Home
from skyserve.model.view import PROTOCOL, Health

PATIENCE_SECONDS = 30.0
"""Longest wait for a controller that was started to answer."""

POLL_SECONDS = 0.05
"""Between two looks at a controller that is starting or ending."""

RETRY_SECONDS = 1.0
"""A controller that ended because another one held the lock is started again no sooner."""

LOG_LINES = 15
"""How much of the log is shown when the controller cannot start."""

_children: list[subprocess.Popen[bytes]] = []
"""Controllers that this process started. Kept, since a Popen that is dropped while its process runs is a warning."""


class Launcher:
    """Knows how to reach the controller of one installation, and how to start it."""

    def __init__(
        self,
        home: Home,
        command: Sequence[str] = (sys.executable, "-m", "skyserve"),
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._home = home
        self._command = command
        self._patience = patience

    def health(self) -> Health | None:
        """Who answers; None if nobody does, or only one that is ending."""
        try:
            return send(self._home.api_socket, calls.health())
        except (NotRunning, CutOff):
            return None

    def require(self) -> Health:
        """A controller that runs and speaks as we do. Raises NotRunning, or ServeError if it speaks otherwise."""
        health = self.health()
        if health is None:
            raise NotRunning
        if health.protocol != PROTOCOL:
            raise ServeError(
                ErrorKind.VERSION_MISMATCH,
                f"The controller (pid {health.pid}) is skyserve {health.version} and speaks version {health.protocol} "
                f"of the API; this client speaks version {PROTOCOL}.",
                "Restart it, so that both are of one version (services run on): sky api stop",
            )
        return health

    def ensure(self) -> Health:
        """As `require`, but starts the controller where none runs. Safe to do from several processes at once:
        only one of the controllers gets the lock, the others end with exit code 0."""
        try:
            return self.require()
        except NotRunning:
            self._start()
            return self.require()

    def stop(self) -> None:
        """End the controller and wait until it answers no more. Services run on. Raises NotRunning."""
        send(self._home.api_socket, calls.shut_down())
        deadline = time.monotonic() + self._patience
        while (health := self.health()) is not None:
            if time.monotonic() > deadline:
                raise ServeError(
                    ErrorKind.UNAVAILABLE,
                    f"The controller (pid {health.pid}) still runs {self._patience:g} s after it was told to end.",
                    f"End it (services run on): kill {health.pid}",
                )
            time.sleep(POLL_SECONDS)

    def _start(self) -> None:
        deadline = time.monotonic() + self._patience
        self._home.serve.mkdir(mode=0o700, parents=True, exist_ok=True)
        log_begin = self._home.controller_log.stat().st_size if self._home.controller_log.exists() else 0
        process, started = self._spawn(), time.monotonic()
        while self.health() is None:
            code = process.poll()
            if code:
                raise self._failed(f"The controller could not start (exit code {code}).", log_begin)
            if time.monotonic() > deadline:
                raise self._failed(f"The controller did not answer within {self._patience:g} seconds.", log_begin)
            if code == 0 and time.monotonic() > started + RETRY_SECONDS:
                # The one that held the lock does not answer: it was ending, not starting.
                process, started = self._spawn(), time.monotonic()
            time.sleep(POLL_SECONDS)

    def _spawn(self) -> subprocess.Popen[bytes]:
        log = os.open(self._home.controller_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                env={**os.environ, "SKY_HOME": str(self._home.root)},
            )
        finally:
            os.close(log)
        _children[:] = [child for child in _children if child.poll() is None] + [process]
        return process

    def _failed(self, what: str, log_begin: int) -> ServeError:
        path = self._home.controller_log
        with path.open("rb") as log:
            log.seek(log_begin)
            lines = log.read().decode(errors="replace").splitlines()[-LOG_LINES:]
        said = "".join(f"\n  {line}" for line in lines)
        return ServeError(ErrorKind.UNAVAILABLE, what + (f" It said:{said}" if said else ""), f"Its log: {path}")
