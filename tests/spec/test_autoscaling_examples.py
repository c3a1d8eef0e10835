"""The YAML of docs/autoscaling.md is right, and what it asks for is supported."""

import re
from pathlib import Path

import pytest

from skyserve.spec.parse import load_task
from skyserve.spec.supported import unsupported
from skyserve.spec.target import target_of
from tests.spec.documents import SERVICE, stored

EXAMPLES = re.findall(
    r"^```yaml\n(.*?)^```$",
    (Path(__file__).parents[2] / "docs" / "autoscaling.md").read_text(),
    flags=re.MULTILINE | re.DOTALL,
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: " ".join(re.findall(r"^    (\w+):", text, re.M)[-2:]))
def test_each_example_can_be_used(example: str) -> None:
    """With a command and a port it is a service that `up` accepts, and the database gives it back."""
    loaded = load_task(SERVICE + example, filename="f.yaml")
    assert unsupported(loaded.task, loaded.source) == []
    assert target_of(stored(loaded.task)) == target_of(loaded.task)
