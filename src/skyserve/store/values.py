"""Rows of the database to values of skyserve.model and back, checked both ways by their types."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from skyserve.contracts.errors import StateUnusable
from skyserve.model.event import Event
from skyserve.model.key import Key, KeyUsage
from skyserve.model.replica import Replica
from skyserve.model.service import Service

T = TypeVar("T")


_ADAPTERS: dict[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in (Service, Replica, Event, Key, KeyUsage)}


def encode(value: object) -> dict[str, Any]:
    """The fields of a service, replica, event or key; nested ones as plain JSON values."""
    encoded: dict[str, Any] = _ADAPTERS[type(value)].dump_python(value, mode="json")
    return encoded


def decode(kind: type[T], row: Mapping[Any, Any], what: str) -> T:
    """The value that a row holds; columns that are no field of it are left aside.

    Raises StateUnusable, saying by `what` which row it is, if a value is none that this release knows.
    """
    try:
        value: T = _ADAPTERS[kind].validate_python(dict(row))
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in wrong["loc"])
        raise StateUnusable(
            f"The database holds {what} with a value for {field} that this release of skyserve does not know: "
            f"{wrong['msg']}. It was probably written by a newer release: install that one again."
        ) from None
    return value
