"""`sky serve history`: the versions of a service."""

from collections.abc import Sequence

import click

from skyserve.cli.render.durations import ago
from skyserve.cli.render.table import table
from skyserve.model.view import VersionView

_COLOURS = {"current": "green", "rolling": "blue", "failed:": "red"}
"""By the first word of the outcome; none for what is over and was well."""


def history_table(versions: Sequence[VersionView], *, now: float) -> str:
    """One row a version, the latest last. Why the service went back by itself stands once: where a version failed."""
    columns = ["VERSION", "CREATED", "REPLICAS", "REASON", "OUTCOME"]
    return table(columns, [_row(version, now) for version in versions])


def _row(version: VersionView, now: float) -> list[str]:
    outcome = version.outcome.splitlines()[0] if version.outcome else "-"
    return [
        str(version.version),
        ago(now - version.created_at),
        str(version.replicas),
        version.reason.partition(": ")[0] or "-",
        click.style(outcome, fg=_COLOURS.get(outcome.split()[0])),
    ]
