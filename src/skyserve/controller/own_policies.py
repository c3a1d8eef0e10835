"""Functions that users wrote to decide how many replicas there should be, found by `module:function`.

A module is looked for in the folder `policies` of the installation first, then among the installed packages. It is read
when a version that names it is taken up: at `up`, `update`, and the start of a controller.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.home import Home
from skyserve.model.service import Target, Version

OwnPolicy = Callable[..., object]
"""Called with a Snapshot and what is Seen of the load."""
KEY = "service.replica_policy.policy"


class OwnPolicies:
    """Those of one service, read once for each version."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._read: tuple[int, OwnPolicy] | None = None

    def of(self, version: Version) -> OwnPolicy | None:
        """The function that the version names, None if it names none. One that cannot be read is tried again at the
        next call; until then there is one in its place that raises why."""
        if self._read is not None and self._read[0] == version.number:
            return self._read[1]
        try:
            function = load_policy(version.target, self._home)
        except ServeError as error:
            return _refusing(error)
        if function is not None:
            self._read = (version.number, function)
        return function


def load_policy(target: Target, home: Home) -> OwnPolicy | None:
    """The function that the target names, None if it names none. Raises ServeError if it is not there, or its module
    cannot be read."""
    name = target.autoscaling.function if target.autoscaling else ""
    if not name:
        return None
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


def _refusing(error: ServeError) -> OwnPolicy:
    def refuse(*_: object) -> NoReturn:
        raise error

    return refuse
