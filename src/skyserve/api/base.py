"""The directory from which a client speaks: one on the controller's machine, since both share it."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("it must be an absolute path")
    return path


Base = Annotated[
    Path,
    AfterValidator(_absolute),
    Field(
        description="Absolute path of the directory that relative paths of the task are resolved against.",
        examples=["/home/me/project"],
    ),
]
"""Relative paths of a task mean the client's current directory, which the controller cannot know."""
