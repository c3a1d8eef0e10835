"""What pydantic found, said in the words of the YAML: line, key, reason, remedy, and the key that was meant.

No value is repeated that may hold a secret: of a value with a variable in it, the text before substitution is shown.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from skyserve.spec.base import Finding, Model, models_in
from skyserve.spec.errors import Problem, closest
from skyserve.spec.source import Path, Source

_SHOULD_BE = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "dict": "a mapping",
    "model": "a mapping",
    "tuple": "a list",
    "list": "a list",
}
"""First word of pydantic's error type -> what the value should be."""

_BOUNDS = {"greater_than_equal": "{ge:g} or more", "greater_than": "above {gt:g}", "less_than_equal": "{le:g} or less"}


def problems_of(error: ValidationError, model: type[Model], source: Source) -> list[Problem]:
    """Each mistake once, where it stands in `source`."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False, include_context=True):
        by_path.setdefault(_path(detail["loc"], source.data), []).append(detail)
    found: list[Problem] = []
    for path, details in by_path.items():
        wrong_values = [detail for detail in details if not _is_wrong_kind(detail)]
        if wrong_values:
            found += (problem for detail in wrong_values for problem in _problems(detail, path, model, source))
        elif not any(other[: len(path)] == path and len(other) > len(path) for other in by_path):
            found.append(_wrong_kind(details, path, source))
    return list(dict.fromkeys(found))


def _path(location: Path, data: Any) -> Path:
    """The location without pydantic's own labels (alternatives of a type, `[key]`)."""
    path: Path = ()
    for part in location:
        known = part in data if isinstance(data, dict) else isinstance(data, list) and part in range(len(data))
        missing = isinstance(data, dict) and part == location[-1] and str(part).isidentifier()
        if known or missing:
            path = (*path, part)
            data = data[part] if known else None
    return path


def _is_wrong_kind(detail: ErrorDetails) -> bool:
    first, _, rest = detail["type"].partition("_")
    return first in _SHOULD_BE and rest in ("type", "parsing", "parsing_size", "from_float", "attributes_type")


def _wrong_kind(details: list[ErrorDetails], path: Path, source: Source) -> Problem:
    kinds = [_SHOULD_BE[detail["type"].partition("_")[0]] for detail in details]
    quote = "Put it in quotes." if kinds == ["text"] and not isinstance(details[0]["input"], dict | list) else ""
    return source.problem(path, f"should be {' or '.join(dict.fromkeys(kinds))}{_got(path, source)}", quote)


def _problems(detail: ErrorDetails, path: Path, model: type[Model], source: Source) -> Iterator[Problem]:
    context: Mapping[str, Any] = detail.get("ctx") or {}
    match detail["type"]:
        case "refused":
            findings: tuple[Finding, ...] = context["findings"]
            for reason, remedy, key in findings:
                shown = "" if key else _got((*path, *key), source)
                yield source.problem((*path, *key), reason + shown, remedy)
        case "extra_forbidden":
            yield _unknown_key(path, model, source)
        case "missing":
            yield source.problem(path, "is missing", f"Write {path[-1]}.")
        case "enum" | "literal_error":
            words = str(context["expected"])
            guess = closest(str(detail["input"]), words.replace("'", "").replace(" or ", ", ").split(", "))
            yield source.problem(path, f"should be {words}{_got(path, source)}", suggestion=guess)
        case "string_pattern_mismatch":
            yield source.problem(path, "not the name of a variable", "Use letters, digits and underscores.")
        case kind if kind in _BOUNDS:
            yield source.problem(path, f"must be {_BOUNDS[kind].format(**context)}{_got(path, source)}")
        case _:
            yield source.problem(path, detail["msg"][:1].lower() + detail["msg"][1:])


def _unknown_key(path: Path, root: type[Model], source: Source) -> Problem:
    key = str(path[-1])
    owners = _models_at(path[:-1], root)
    for owner in owners:
        if remedy := owner.retired.get(key):
            return source.problem(path, "not a key here", remedy)
    known = [name for owner in owners for name in owner.model_fields]
    guess = closest(key, known)
    return source.problem(path, "unknown key", "" if guess else f"Known keys: {', '.join(known)}.", guess)


def _models_at(path: Path, root: type[Model]) -> list[type[Model]]:
    """The models that may describe the mapping at `path`."""
    models = [root]
    for part in path:
        fields = [model.model_fields[part] for model in models if isinstance(part, str) and part in model.model_fields]
        if fields:
            models = [found for field in fields for found in models_in(field.annotation)]
    return models


def _got(path: Path, source: Source) -> str:
    """`, not 'x'` with the value as written, where it is short and names no secret."""
    text = source.texts.get(path)
    private = path[:1] in (("secrets",), ("envs",)) or "headers" in path or "replica_key" in path
    return f", not {text!r}" if text is not None and len(text) <= 40 and "\n" not in text and not private else ""
