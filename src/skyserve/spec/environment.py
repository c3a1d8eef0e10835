"""Variables of a task: where their values come from, and where they are put in place of `$NAME`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from skyserve.spec.errors import Problem, SpecError
from skyserve.spec.source import Path, Source

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_SUBSTITUTED = ("service", "file_mounts", "workdir", "volumes")
"""Sections in which variables are put in. `resources`, `setup` and `run` are left: the latter two see the real ones."""


@dataclass(frozen=True)
class Given:
    """Values from the command line and from files named there."""

    envs: Mapping[str, str | None] = field(default_factory=dict)
    """`--env NAME=VALUE`; None: the value in `environ`."""
    secrets: Mapping[str, str | None] = field(default_factory=dict)
    """`--secret NAME=VALUE`, likewise."""
    env_file: Mapping[str, str] = field(default_factory=dict)
    """`--env-file`: weaker than `envs` and `secrets`, stronger than the YAML."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """The environment of the command."""


def resolved(source: Source, given: Given) -> Source:
    """The document with every variable's value in `envs` and `secrets`, and put in where `$NAME` names it.

    Values in the YAML count as they are written there: `1.10` stays `1.10`. Raises SpecError.
    """
    source = _secrets_named_only(source)
    secret_names = set(_mapping(source, "secrets")) | set(given.secrets)
    file_envs = {name: value for name, value in given.env_file.items() if name not in secret_names}
    file_secrets = {name: value for name, value in given.env_file.items() if name in secret_names}
    problems: list[Problem] = []
    source = _filled(source, "envs", {**file_envs, **given.envs}, given.environ, problems)
    source = _filled(source, "secrets", {**file_secrets, **given.secrets}, given.environ, problems)
    if not problems:
        source = _substituted(source, problems)
    if problems:
        raise SpecError(problems)
    return source


def _secrets_named_only(source: Source) -> Source:
    """A list under `secrets` names managed secrets: moved to where these are written otherwise."""
    names, others = source.data.get("secrets"), source.data.get("managed_secrets") or []
    if not isinstance(names, list) or not isinstance(others, list):
        return source
    return replace(source, data={**source.data, "secrets": None, "managed_secrets": [*names, *others]})


def _mapping(source: Source, section: str) -> dict[str, Any]:
    """The section, or an empty one where it is something else, which the model refuses later."""
    written = source.data.get(section)
    return written if isinstance(written, dict) else {}


def _filled(
    source: Source, section: str, asked: Mapping[str, str | None], environ: Mapping[str, str], problems: list[Problem]
) -> Source:
    """The document with the section's values, those asked for on the command line first."""
    if not isinstance(source.data.get(section), dict | None):
        return source
    option = "--env" if section == "envs" else "--secret"
    values = {name: _as_written(source, (section, name), value) for name, value in _mapping(source, section).items()}
    for name, value in asked.items():
        if value is None and name not in environ:
            problems.append(Problem(option, None, name, "not set in the environment", f"Write {option} {name}=..."))
        values[name] = environ.get(name, "") if value is None else value
    options: dict[Path, str] = {(section, name): option for name in asked}
    source = replace(source, data={**source.data, section: values}, options={**source.options, **options})
    for name, value in values.items():
        if value is None:
            remedy = f"Write {option} {name}=... on the command line."
            problems.append(source.problem((section, name), "has no value yet", remedy))
        elif isinstance(value, str) and _UNUSABLE.search(value):
            problems.append(source.problem((section, name), "holds a NUL character or broken text", "Remove it."))
    return source


def _as_written(source: Source, path: Path, value: Any) -> Any:
    return value if value is None or isinstance(value, list | dict) else source.texts.get(path, value)


def _substituted(source: Source, problems: list[Problem]) -> Source:
    """The document with variables put in; one path's line and text remain those of what was written."""
    given = _mapping(source, "envs") | _mapping(source, "secrets")
    variables = {name: value for name, value in given.items() if isinstance(value, str)}

    def put_in(value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], match[0]), value)
        if isinstance(value, list):
            return [put_in(item, (*path, number)) for number, item in enumerate(value)]
        if isinstance(value, dict):
            named = {put_in(key, path): put_in(item, (*path, key)) for key, item in value.items()}
            if len(named) < len(value):
                problems.append(source.problem(path, "two keys are the same once variables are put in"))
            return named
        return value

    def moved(path: Path) -> Path:
        return (path[0], *(put_in(part, ()) for part in path[1:])) if path[0] in _SUBSTITUTED else path

    data = {key: put_in(value, (key,)) if key in _SUBSTITUTED else value for key, value in source.data.items()}
    lines = {moved(path): line for path, line in source.lines.items()}
    texts = {moved(path): text for path, text in source.texts.items()}
    origins = {new: path for path in source.lines if (new := moved(path)) != path}
    return replace(source, data=data, lines=lines, texts=texts, origins=origins)
