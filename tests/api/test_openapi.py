"""The description of the API."""

from typing import Any

from skyserve.api.app import create_app
from tests.api.fake import FakeOperations


def operations_of(document: dict[str, Any]) -> dict[str, Any]:
    """`METHOD path` -> what the document says of it."""
    return {f"{method} {path}": what for path, item in document["paths"].items() for method, what in item.items()}


def test_everything_is_versioned_and_described() -> None:
    """Each operation lives below /v1, says what it does, and tells how it fails."""
    described = operations_of(create_app(FakeOperations()).openapi())
    assert len(described) == 23
    for where, what in described.items():
        assert " /v1/" in where
        assert what["summary"] and what["description"], where
        assert "ErrorBody" in str(what["responses"]["default"]), where


def test_answers_have_examples() -> None:
    """Whoever reads the description sees what an answer looks like."""
    described = operations_of(create_app(FakeOperations()).openapi())
    example = described["get /v1/services"]["responses"]["200"]["content"]["application/json"]["example"]
    assert example[0]["replicas"][0]["status"] == "READY"


def test_references_lead_somewhere() -> None:
    """Every reference in the document is to something in it."""
    document = create_app(FakeOperations()).openapi()
    references = set(_references(document))
    assert references
    for reference in references:
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return here + [r for value in node.values() for r in _references(value)]
    return [r for value in node for r in _references(value)] if isinstance(node, list) else []
