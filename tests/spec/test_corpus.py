"""Every form that users of SkyServe write is understood."""

from pathlib import Path

import jsonschema
import pytest

from skyserve.model.resources import Accelerators, Amount
from skyserve.spec.json_schema import json_schema
from skyserve.spec.target import target_of
from tests.spec.documents import CORPUS, data_of, load, stored

each_file = pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def named(name: str) -> Path:
    return next(path for path in CORPUS if path.stem == name)


@each_file
def test_parses_and_survives_storage(path: Path) -> None:
    """The file is accepted, and the database gives back what was put in."""
    task = load(path).task
    assert stored(task) == task
    assert stored(task).model_dump_json() == task.model_dump_json()


@each_file
def test_editors_accept_it(path: Path) -> None:
    """The JSON Schema finds nothing wrong in the file."""
    assert [error.message for error in VALIDATOR.iter_errors(data_of(path))] == []


@each_file
def test_is_a_service_or_a_pool(path: Path) -> None:
    """A service has a target with a port; a pool has none."""
    task = load(path).task
    assert (task.service is None) == (task.pool is not None)
    if task.service:
        target = target_of(task)
        assert 1 <= target.port <= 65535
        assert target == target_of(stored(task))
        assert all(target.port in request.ports for request in target.requests)


def test_accelerator_sets_become_alternatives() -> None:
    """A set is as many alternatives, without an order."""
    target = target_of(load(named("fixed-by-policy")).task)
    expected = [Accelerators("L4", 8), Accelerators("A10g", 8), Accelerators("A100", 4), Accelerators("A100-80GB", 2)]
    assert [request.accelerators for request in target.requests] == expected
    assert not target.ordered


def test_any_of_multiplies_with_an_accelerator_set() -> None:
    """Each alternative is combined with each accelerator."""
    requests = target_of(load(named("mixed-spot-and-mount-variables")).task).requests
    assert [(request.use_spot, str(request.accelerators)) for request in requests] == [
        (True, "L4:1"),
        (True, "A10G:1"),
        (False, "L4:1"),
        (False, "A10G:1"),
    ]


def test_accelerator_lists_have_an_order() -> None:
    """A list of accelerators is in order of preference."""
    target = target_of(load(named("spot-ordered-accelerators")).task)
    assert target.ordered
    assert [str(request.accelerators) for request in target.requests] == ["L4:1", "T4:1", "V100:1"]


def test_places_in_every_notation() -> None:
    """Wildcards, slashes in a context, pools of machines, and the older keys all name a place."""
    places = {
        path.stem: [(request.infra, request.region, request.zone) for request in target_of(load(path).task).requests]
        for path in CORPUS
        if "pool" not in path.stem
    }
    assert places["dynamic-fallback-zones"] == [("aws", None, None), ("gcp", None, "us-central1-a")]
    context = "arn:aws:eks:us-east-1:123456789012:cluster/blue"
    assert places["kubernetes-context"] == [("kubernetes", context, None), ("kubernetes", None, None)]
    assert places["own-machines"] == [("ssh/lab-a", None, None), ("ssh/lab-b", None, None), ("local", None, None)]
    assert places["older-location-keys"] == [("azure", "eastus", None)]
    assert places["spot-placer"][2] == ("gcp", "us-central1", "us-central1-b")
    assert places["everything-of-clouds"] == [(None, None, None)]


def test_amounts_in_every_notation() -> None:
    """Memory in MB, a fraction of a CPU, and at-least amounts."""
    first = target_of(load(named("own-machines")).task).requests[0]
    assert (first.cpus, first.memory_gib) == (Amount(0.5), Amount(0.5))
    assert target_of(load(named("cpu-model-server")).task).requests[0].cpus == Amount(4, at_least=True)


def test_variables_are_text_as_written() -> None:
    """Numbers, booleans and dates reach the script as the YAML has them."""
    task = load(named("numbers-as-variables")).task
    expected = {"MODEL_SIZE": "7", "CONTEXT": "0x1000", "VERSION": "1.10", "VERBOSE": "yes", "SINCE": "2024-02-30"}
    assert task.envs == expected


def test_variables_name_mounts_and_buckets() -> None:
    """A variable is put into the path and the source of a mount."""
    mounts = load(named("mixed-spot-and-mount-variables")).task.file_mounts
    assert list(mounts) == ["/data/1.10", "/models/1.10"]
    assert mounts["/models/1.10"] == "./models-1.10"


def test_merge_keys_yield_to_what_is_written() -> None:
    """`<<` brings what the alternative does not say itself."""
    requests = target_of(load(named("shared-parts")).task).requests
    assert [(request.cpus, request.memory_gib) for request in requests] == [
        (Amount(2), Amount(4)),
        (Amount(2), Amount(8)),
    ]
