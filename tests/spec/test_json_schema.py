"""The schema for editors."""

import json
from typing import Any

import jsonschema
import pytest

from skyserve.spec.json_schema import json_schema
from skyserve.spec.source import read

SCHEMA = json_schema()


def test_is_a_schema_that_every_tool_can_load() -> None:
    """It is valid 2020-12 and plain JSON."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize(
    "text",
    [
        "nmae: x",
        "num_nodes: 0",
        "num_nodes: two",
        "service: {replicas: -1}",
        "service: {readiness_prob: /}",
        "service: {readiness_probe: {timeout_seconds: 3}}",
        "service: {replica_policy: {max_replicas: 2}}",
        "service: {replica_policy: {min_replicas: 1, target_qps_per_replica: 0}}",
        "resources: {cpu: 4}",
        "resources: {any_of: [{any_of: []}]}",
        "envs: {A-B: 1}",
        "file_mounts: {/a: {mode: 3}}",
        "run: 3",
    ],
)
def test_refuses_what_the_parser_refuses(text: str) -> None:
    """Mistakes of form are marked while one types."""
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(read(text, "f.yaml").data)


def test_every_field_is_explained() -> None:
    """An editor shows a meaning for each field."""

    def properties(schema: dict[str, Any]) -> list[tuple[str, Any]]:
        return list(schema.get("properties", {}).items())

    fields = properties(SCHEMA) + [item for part in SCHEMA["$defs"].values() for item in properties(part)]
    assert len(fields) > 100
    assert [name for name, field in fields if not field.get("description")] == []
