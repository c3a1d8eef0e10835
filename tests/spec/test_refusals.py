"""What is wrong is refused with its file, line, key, reason and remedy."""

from pathlib import Path

import pytest

from skyserve.spec.errors import SpecError
from skyserve.spec.overrides import TaskOverrides
from skyserve.spec.parse import parse_task
from tests.spec.documents import SERVICE

BLOCKS = (Path(__file__).parent / "refusals.txt").read_text().strip().split("\n\n")[1:]


def refused(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse_task(text, filename="service.yaml")
    return str(caught.value)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.partition("\nservice.yaml")[0].removeprefix("...\n"))
def test_the_message_names_the_mistake(block: str) -> None:
    """Each YAML of refusals.txt is refused with the very words that follow it there."""
    text, mark, rest = block.partition("\nservice.yaml")
    assert refused(text.replace("...\n", SERVICE) + "\n") == (mark + rest).strip()


def test_every_mistake_is_told_at_once() -> None:
    """Several mistakes are listed together, by line."""
    said = refused("num_nodes: 0\nnmae: x\nresources:\n  cpus: x\nservice:\n  replicas: -1\n")
    assert [line.split(": ")[0] for line in said.splitlines()] == [f"service.yaml:{line}" for line in (1, 2, 4, 6)]


def test_values_of_options_are_named_by_the_option() -> None:
    """A mistake that came from the command line names the option, not a line."""
    with pytest.raises(SpecError) as caught:
        parse_task(SERVICE, filename="service.yaml", overrides=TaskOverrides(cpus="many", num_nodes=0))
    assert str(caught.value).splitlines() == [
        "--num-nodes: num_nodes: must be 1 or more.",
        "--cpus: resources.cpus: should be a number of CPUs. Write 4, or 4+ for at least 4.",
    ]
