"""The YAML's form as JSON Schema (2020-12), for editors that complete and check while one types."""

import ast
import inspect
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from skyserve.spec.base import Model, models_in
from skyserve.spec.task import Task

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema of a service YAML. It accepts all that the parser accepts, but for keys with nothing after them."""
    schema = Task.model_json_schema(mode="validation")
    definitions = schema.get("$defs", {})
    for model in models_within(Task):
        own = schema if model is Task else definitions.get(model.__name__, {})
        for name, meaning in field_meanings(model).items():
            if name in own.get("properties", {}):
                own["properties"][name].setdefault("description", meaning)
    return {"$schema": DIALECT, **schema, "title": "SkyServe service"}


def field_meanings(model: type[BaseModel]) -> dict[str, str]:
    """Field -> the docstring beneath it, in the order of the fields; also of what is inherited."""
    meanings: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if issubclass(owner, Model) and owner is not Model:
            body = ast.parse(inspect.getsource(owner)).body[0]
            assert isinstance(body, ast.ClassDef)
            meanings |= _documented(body.body)
    return {name: meanings[name] for name in model.model_fields if name in meanings}


def _documented(statements: list[ast.stmt]) -> dict[str, str]:
    found = {}
    for statement, after in pairwise(statements):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def models_within(root: type[Model]) -> list[type[Model]]:
    """The model and all that its fields are made of, each once, from the top down."""
    found = [root]
    for model in found:
        for field in model.model_fields.values():
            found += (inner for inner in models_in(field.annotation) if inner not in found)
    return found
