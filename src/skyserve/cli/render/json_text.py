"""Views as JSON: the keys are those of the dataclasses, and stay (docs/json.md)."""

import dataclasses
import json
from typing import Any


def json_text(value: Any) -> str:
    """Dataclasses, and lists and dictionaries of them, as indented JSON."""
    return json.dumps(value, indent=2, default=_plain)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
