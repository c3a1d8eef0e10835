"""A name that no service bears."""

from collections.abc import Iterable

from skyserve.model.name import meant


def not_found(name: str, others: Iterable[str]) -> str:
    """`Service 'wbe' not found. Did you mean 'web'?`, the latter where one of the others is near."""
    return f"Service '{name}' not found. {meant(name, others)}".rstrip()
