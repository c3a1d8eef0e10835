"""How a command fails: one message on stderr, the next command to type, an exit code that means something.

0  done
1  it could not be done
2  wrong usage, or a YAML that is not valid
3  no such service or replica
130  interrupted (128 + SIGINT, as shells do)
"""

import os
import traceback
from pathlib import Path

import click

from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.home import Home

FAILURE = 1
USAGE = 2
NOT_FOUND = 3
INTERRUPTED = 130

_CODES = {
    ErrorKind.NOT_FOUND: NOT_FOUND,
    ErrorKind.INVALID_SPEC: USAGE,
    ErrorKind.INVALID_REQUEST: USAGE,
}
"""All other kinds: FAILURE."""


class Failure(Exception):
    """A message without traceback, what to type next, and an exit code."""

    def __init__(self, message: str, remedy: str = "", exit_code: int = FAILURE) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.exit_code = exit_code

    def show(self) -> None:
        """Print it on stderr."""
        click.echo(f"{click.style('Error:', fg='red')} {self.message}", err=True)
        if self.remedy:
            click.echo(self.remedy, err=True)


def failure_of(error: Exception) -> Failure:
    """The failure that tells an error. What nobody foresaw goes to a file, traceback and all."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, ServeError):
        remedy = error.remedy
        if error.kind is ErrorKind.INTERNAL:
            remedy = f"The controller's log has the details: {Home.of(os.environ).controller_log}"
        return Failure(error.message, remedy, _CODES.get(error.kind, FAILURE))
    path = _write_traceback(error)
    return Failure(f"sky itself failed ({type(error).__name__}). That is a fault of sky.", f"Details are in {path}")


def _write_traceback(error: Exception) -> Path:
    path = Home.of(os.environ).root / "cli.log"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A message may quote what the user gave, secrets among it: for the user's eyes alone.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as log:
        traceback.print_exception(error, file=log)
    return path
