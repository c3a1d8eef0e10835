"""JSON back into the dataclasses that were sent: the controller answers with what skyserve.model holds."""

import dataclasses
import types
from enum import Enum
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def decode(kind: type[T], value: Any) -> T:
    """A `kind` made of a parsed JSON value. Keys that the dataclass does not know are left out: a newer controller
    may tell more. Raises KeyError, TypeError or ValueError for a value that is no such thing."""
    return cast(T, _decode(kind, value))


def _decode(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        # The only unions that are sent are `something | None`.
        (inner,) = (argument for argument in arguments if argument is not types.NoneType)
        return None if value is None else _decode(inner, value)
    if origin in (list, tuple):
        return origin(_decode(arguments[0], item) for item in value)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return cast(Any, kind)(**{name: _decode(hint, value[name]) for name, hint in hints.items() if name in value})
    if kind is float or (isinstance(kind, type) and issubclass(kind, Enum)):
        return kind(value)
    if kind is types.NoneType:
        return None
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
