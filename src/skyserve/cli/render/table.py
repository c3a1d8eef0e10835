"""Rows as aligned columns, without lines: easy on the eye, and for grep and awk."""

from collections.abc import Sequence

import click

GAP = "  "


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns under a bold heading. Cells may carry colours; lines have no blanks at their end."""
    widths = _widths(columns, rows)
    heading = _line([click.style(column, bold=True) for column in columns], widths)
    return "\n".join([heading, *(_line(row, widths) for row in rows)])


def fitted(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, first_to_go: Sequence[str]
) -> tuple[str, list[str]]:
    """The table, without as few of its columns as will do for its lines to be no longer than `width` (None: as long as
    they are), in the order of `first_to_go`; and which those are."""
    gone: list[str] = []
    while width is not None and len(gone) < len(first_to_go) and _total(columns, rows) > width:
        gone.append(first_to_go[len(gone)])
        at = columns.index(gone[-1])
        columns = [*columns[:at], *columns[at + 1 :]]
        rows = [[*row[:at], *row[at + 1 :]] for row in rows]
    return table(columns, rows), gone


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(_width(row[i]) for row in (columns, *rows)) for i in range(len(columns))]


def _total(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    return sum(_widths(columns, rows)) + len(GAP) * (len(columns) - 1)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cells[:-1], widths[:-1], strict=True)]
    return GAP.join([*padded, cells[-1]]).rstrip()


def _width(cell: str) -> int:
    return len(click.unstyle(cell))
