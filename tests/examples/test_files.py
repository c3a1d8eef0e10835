"""Every YAML in examples/ is a service that this version runs."""

from pathlib import Path

import pytest

from skyserve.spec.parse import load_task
from skyserve.spec.supported import unsupported

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(path.relative_to(EXAMPLES) for path in EXAMPLES.rglob("*.y*ml"))
REQUIRED_ENVS = {Path("engines/llama-cpp.yaml"): {"MODEL_FILE": "/models/chat.gguf"}}
REQUIRED_SECRETS = {Path("engines/vllm.yaml"): {"HF_TOKEN": "not a token"}}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_an_example_is_valid_and_supported(file: Path) -> None:
    """What a newcomer copies is accepted as it stands, given the values it says it requires."""
    loaded = load_task(
        (EXAMPLES / file).read_bytes(),
        filename=str(file),
        envs=REQUIRED_ENVS.get(file, {}),
        secrets=REQUIRED_SECRETS.get(file, {}),
    )
    assert unsupported(loaded.task, loaded.source) == []


@pytest.mark.parametrize("file", FILES, ids=str)
def test_an_example_tells_the_command_that_starts_it(file: Path) -> None:
    """The file itself says how to start it, from the directory that its workdir is relative to."""
    text = (EXAMPLES / file).read_text()
    inside = f"cd examples/{file.parent} && sky serve up {file.name} -n "
    assert (inside if "workdir: ." in text else f"sky serve up examples/{file} -n ") in text


def test_all_kinds_of_examples_are_found() -> None:
    """The tests above do not pass for want of files."""
    assert {file.parts[0] for file in FILES} == {"autoscaled", "engines", "fastapi", "hello", "llm", "spot"}
