"""The page on pools tells the truth about the file's form."""

import re
from pathlib import Path

from skyserve.infra.ssh.pools import Login, PoolHost, parse_pools
from skyserve.spec.parse import parse_task
from skyserve.spec.target import requests_of

PAGE = Path(__file__).parents[3] / "docs/ssh-pools.md"


def example(file: str) -> str:
    """The YAML block of the page that begins with the file's name."""
    blocks: list[str] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return next(block for block in blocks if block.splitlines()[0].endswith(file))


def test_the_example_of_pools_is_understood() -> None:
    """Each host of the example means what the comments beside it say."""
    (pool,) = parse_pools(example("ssh_node_pools.yaml"), "ssh_node_pools.yaml")
    default = Login("ubuntu", "~/.ssh/lab_key")
    own = Login("admin", "~/.ssh/admin_key", port=2222)
    assert pool.name == "lab"
    assert pool.hosts == (
        PoolHost("10.0.0.5", default=default),
        PoolHost("gpu-box", default=default),
        PoolHost("10.0.0.7", own, default),
    )


def test_the_example_of_a_service_goes_to_that_pool() -> None:
    """The service's YAML parses, and asks for the pool of the example above it."""
    task = parse_task(example("service.yaml"), filename="service.yaml")
    assert [request.infra for request in requests_of(task)] == ["ssh/lab"]
