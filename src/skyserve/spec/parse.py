"""From YAML text to a Task. Pure: whoever calls has read the files and the environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from skyserve.spec.environment import Given, resolved
from skyserve.spec.errors import SpecError
from skyserve.spec.overrides import TaskOverrides, overridden
from skyserve.spec.refusals import problems_of
from skyserve.spec.source import Source, read
from skyserve.spec.task import Task

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class LoadedTask:
    """A task, and the document it was read from, which knows the line of every key."""

    task: Task
    source: Source


def load_task(
    text: str | bytes,
    *,
    filename: str,
    envs: Mapping[str, str | None] = _NOTHING,
    secrets: Mapping[str, str | None] = _NOTHING,
    env_file: Mapping[str, str] = _NOTHING,
    environ: Mapping[str, str] = _NOTHING,
    overrides: TaskOverrides | None = None,
) -> LoadedTask:
    """The task that the text describes, with variables and options put in.

    `envs` and `secrets` come from `--env` and `--secret`: a value of None is looked up in `environ`. `env_file` feeds
    the envs, and of the secrets those that the text or `secrets` names. Raises SpecError with every problem found,
    and nothing else, whatever the text.
    """
    source = resolved(read(text, filename), Given(envs, secrets, env_file, environ))
    source = overridden(source, overrides or TaskOverrides())
    try:
        return LoadedTask(Task.model_validate(source.data), source)
    except ValidationError as error:
        raise SpecError(problems_of(error, Task, source)) from None


def parse_task(
    text: str | bytes,
    *,
    filename: str,
    envs: Mapping[str, str | None] = _NOTHING,
    secrets: Mapping[str, str | None] = _NOTHING,
    env_file: Mapping[str, str] = _NOTHING,
    environ: Mapping[str, str] = _NOTHING,
    overrides: TaskOverrides | None = None,
) -> Task:
    """The same as `load_task`, without the document."""
    return load_task(
        text, filename=filename, envs=envs, secrets=secrets, env_file=env_file, environ=environ, overrides=overrides
    ).task
