"""Rows as aligned columns, without lines: easy on the eye, and for grep and awk."""

from collections.abc import Sequence

import click

GAP = "  "


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns under a bold heading. Cells may carry colours; lines have no blanks at their end."""
    widths = [max(_width(row[i]) for row in (columns, *rows)) for i in range(len(columns))]
    heading = _line([click.style(column, bold=True) for column in columns], widths)
    return "\n".join([heading, *(_line(row, widths) for row in rows)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cells[:-1], widths[:-1], strict=True)]
    return GAP.join([*padded, cells[-1]]).rstrip()


def _width(cell: str) -> int:
    return len(click.unstyle(cell))
