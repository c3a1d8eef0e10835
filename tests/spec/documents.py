"""YAML texts for the tests of the specification."""

from pathlib import Path
from typing import Any

from skyserve.spec.parse import LoadedTask, load_task
from skyserve.spec.source import read
from skyserve.spec.task import Task

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.yaml"))
"""One file for each form that users of SkyServe write."""

SERVICE = "run: ./serve\nresources:\n  ports: 8080\n"
"""Three lines to which a test adds its `service:`."""


def data_of(path: Path) -> dict[str, Any]:
    """The file as plain data."""
    return read(path.read_bytes(), path.name).data


def load(path: Path) -> LoadedTask:
    """A corpus file, with a value for every variable that has none."""
    return load_task(
        path.read_bytes(),
        filename=path.name,
        envs=_without_value(path, "envs"),
        secrets=_without_value(path, "secrets"),
    )


def stored(task: Task) -> Task:
    """The task after it went through the database."""
    return Task.model_validate_json(task.model_dump_json())


def _without_value(path: Path, section: str) -> dict[str, str]:
    variables = data_of(path).get(section) or {}
    return {name: f"value-of-{name}" for name in variables if isinstance(variables, dict) and variables[name] is None}
