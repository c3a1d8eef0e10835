"""Functions that users wrote to decide how many replicas there should be, found by `module:function`.

A module is looked for in the folder `policies` of the installation first, then among the installed packages. It is read
when a version that names it is taken in, to refuse what cannot be read, and once more when that version first asks it.
"""

import asyncio
import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from skyserve.controller.bounded import Bounded
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.home import Home
from skyserve.model.service import Target, Version

OwnPolicy = Callable[..., object]
"""Called with a Snapshot and what is Seen of the load."""
KEY = "service.replica_policy.policy"
ANSWER_SECONDS = 5.0
"""Longest time for which a service waits for its policy's answer; enough to import what computes."""


class OwnPolicies:
    """Those of one service, read once for each version."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._bounded: tuple[int, OwnPolicy] | None = None

    def of(self, version: Version) -> OwnPolicy | None:
        """The function that the version names, None if it names none. It raises TimeoutError where there is no answer
        in time. One that cannot be read raises why, and is read again at the next call."""
        name = _name(version.target)
        if not name:
            return None
        if self._bounded is None or self._bounded[0] != version.number:
            self._bounded = version.number, Bounded(_read_when_asked(name, self._home), ANSWER_SECONDS)
        return self._bounded[1]


def _read_when_asked(name: str, home: Home) -> OwnPolicy:
    read = functools.cache(lambda: _read(name, home))  # keeps what was read, not what was raised
    return lambda *args: read()(*args)


async def check_policy(target: Target, home: Home) -> None:
    """Raises ServeError if the function that the target names is not there, or its module cannot be read in time."""
    if not _name(target):
        return
    try:
        await asyncio.to_thread(Bounded(load_policy, ANSWER_SECONDS), target, home)
    except TimeoutError:
        module, _, _ = _name(target).partition(":")
        raise ServeError(
            ErrorKind.INVALID_SPEC,
            f"{KEY}: {module} is still being read after {ANSWER_SECONDS:g} s.",
            "A module of policies should do no more than define functions.",
        ) from None


def load_policy(target: Target, home: Home) -> OwnPolicy | None:
    """The function that the target names, None if it names none. Raises ServeError if it is not there, or its module
    cannot be read."""
    name = _name(target)
    return _read(name, home) if name else None


def _name(target: Target) -> str:
    return target.autoscaling.function if target.autoscaling else ""


def _read(name: str, home: Home) -> OwnPolicy:
    module_name, _, attribute = name.partition(":")
    file = home.policies / f"{module_name.replace('.', '/')}.py"
    try:
        module = _from_file(module_name, file) if file.is_file() else importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # whatever the user's module does when it is read
        words = f"{type(error).__name__}: {error}"
        remedy = f"Put the module at {file}, or install its package where skyserve is installed."
        raise ServeError(ErrorKind.INVALID_SPEC, f"{KEY}: {module_name} cannot be read: {words}", remedy) from error
    function = getattr(module, attribute, None)
    if not callable(function):
        what = "has no" if function is None else "has something that cannot be called as"
        raise ServeError(
            ErrorKind.INVALID_SPEC,
            f"{KEY}: {module_name} {what} {attribute}.",
            f"Write there: def {attribute}(snapshot, seen), which returns a number of replicas.",
        )
    found: OwnPolicy = function
    return found


def _from_file(name: str, file: Path) -> object:
    """A module of its own for each reading, so that services do not see each other's."""
    spec = importlib.util.spec_from_file_location(f"skyserve_policies.{name}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look there for the module that they are in
    spec.loader.exec_module(module)
    return module
