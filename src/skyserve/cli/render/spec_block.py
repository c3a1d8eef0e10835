"""The `Service spec:` block: what a YAML asks for, in words."""

from collections.abc import Sequence

from skyserve.cli.render.services import heading


def spec_block(rows: Sequence[tuple[str, str]]) -> str:
    """One line a (label, value)."""
    width = max(len(label) for label, _ in rows)
    return "\n".join([heading("Service spec:"), *(f"  {label + ':':<{width + 1}}  {value}" for label, value in rows)])
