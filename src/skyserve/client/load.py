"""From what a user has (a YAML file, a dictionary, variables, options) to a Task that the controller will take.

Reads files and the environment, so that the specification itself need not. All errors come as ServeError.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from skyserve.model.error import ErrorKind, ServeError
from skyserve.spec.dotenv import parse_dotenv
from skyserve.spec.errors import SpecError
from skyserve.spec.overrides import TaskOverrides
from skyserve.spec.parse import load_task as parse
from skyserve.spec.supported import refuse_unsupported
from skyserve.spec.task import Task


def load_task(
    source: Task | Path | str | Mapping[str, Any],
    *,
    envs: Mapping[str, str | None] | None = None,
    secrets: Mapping[str, str | None] | None = None,
    env_file: Path | None = None,
    secret_file: Path | None = None,
    overrides: TaskOverrides | None = None,
    environ: Mapping[str, str] | None = None,
) -> Task:
    """The task in a YAML file (its path), in a dictionary of the same form, or as it is.

    `envs` and `secrets` go over `env_file` and `secret_file`, and those over what the YAML has; a value of None is
    looked up in `environ` (by default the environment). Raises ServeError with every problem found, also for what
    is valid but not supported yet.
    """
    environ = os.environ if environ is None else environ
    try:
        if isinstance(source, Task):
            refuse_unsupported(source)
            return source
        loaded = parse(
            _text(source),
            filename="task" if isinstance(source, Mapping) else str(source),
            envs=envs or {},
            secrets={**_variables(secret_file, environ), **(secrets or {})},
            env_file=_variables(env_file, environ),
            environ=environ,
            overrides=overrides,
        )
        refuse_unsupported(loaded.task, loaded.source)
        return loaded.task
    except SpecError as error:
        raise ServeError(ErrorKind.INVALID_SPEC, str(error)) from None


def _text(source: Path | str | Mapping[str, Any]) -> str | bytes:
    if not isinstance(source, Mapping):
        return _read(Path(source))
    try:
        return yaml.safe_dump(dict(source), sort_keys=False)
    except yaml.YAMLError as error:
        raise ServeError(ErrorKind.INVALID_SPEC, f"The task holds what YAML cannot: {error.args[0]}") from None


def _variables(path: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    if path is None:
        return {}
    try:
        return parse_dotenv(_read(path).decode(), filename=str(path), environ=environ)
    except UnicodeDecodeError:
        raise ServeError(ErrorKind.INVALID_REQUEST, f"{path} is not text in UTF-8.") from None


def _read(path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise ServeError(ErrorKind.INVALID_REQUEST, f"{path} cannot be read: {error.strerror}.") from None
