"""What two versions of a service have in common."""

from pathlib import Path

import pytest

from skyserve.model.rollout import Extent
from skyserve.spec.parse import parse_task
from skyserve.spec.sameness import extent_of, machine_key, task_key
from tests.spec.documents import CORPUS, load, stored

FILES = (("~/sky_workdir", "tree-1"),)
BASE = """
name: web
workdir: .
num_nodes: 1
resources: {ports: [8080, 8081], cpus: 2, any_of: [{infra: local}, {infra: ssh/lab}]}
envs: {MODEL: small}
secrets: {TOKEN: hunter2}
setup: install
run: serve
service: {ports: 8080, replicas: 2, readiness_probe: /health}
"""


def keys(text: str, files: tuple[tuple[str, str], ...] = FILES) -> tuple[str, str]:
    """(machine key, task key) of a YAML text."""
    task = parse_task(text, filename="f.yaml")
    return machine_key(task), task_key(task, files)


MACHINE, TASK = keys(BASE)
DEPTH = list(Extent)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("replicas: 2", "replicas: 3"),
        ("replicas: 2", "replica_policy: {min_replicas: 1, max_replicas: 4, target_qps_per_replica: 2}"),
        ("readiness_probe: /health", "readiness_probe: {path: /, initial_delay_seconds: 5}"),
        ("replicas: 2", "replicas: 2, load_balancing_policy: round_robin, drain_seconds: 9"),
        ("name: web", "name: other"),
        ("workdir: .", "workdir: ./elsewhere"),
        ("{infra: local}, {infra: ssh/lab}", "{infra: ssh/lab}, {infra: local}"),
    ],
)
def test_what_leaves_a_replica_as_it_is(old: str, new: str) -> None:
    """The service section, the name, where equal files lay, and the order of alternatives that have none."""
    assert keys(BASE.replace(old, new)) == (MACHINE, TASK)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("setup: install", "setup: install --all"),
        ("run: serve", "run: serve --fast"),
        ("small", "large"),
        ("hunter2", "hunter3"),
        ("replicas: 2", "replicas: 2, load_balancer: {replica_key: hunter4}"),
        ("workdir: .", "workdir: {url: git.example/web}"),
        ("workdir: .", "workdir: .\nfile_mounts: {/data: 's3://bucket'}"),
    ],
)
def test_what_needs_the_same_machine_and_another_task(old: str, new: str) -> None:
    """Scripts, variables, secrets, and files that come from elsewhere."""
    machine, task = keys(BASE.replace(old, new))
    assert machine == MACHINE
    assert task != TASK


def test_files_count_by_what_they_hold() -> None:
    """Other content is another task, on the same machine; a file mount's source path is nothing."""
    machine, task = keys(BASE, (("~/sky_workdir", "tree-2"),))
    assert (machine, task == TASK) == (MACHINE, False)
    mounted = BASE + "file_mounts: {/a: SOURCE}"
    files = (*FILES, ("/a", "tree-3"))
    assert keys(mounted, files) == keys(mounted.replace("SOURCE", "other"), files)
    assert keys(mounted, files) != keys(mounted, (*FILES, ("/a", "tree-4")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cpus: 2", "cpus: 4"),
        ("cpus: 2", "cpus: 2+"),
        ("num_nodes: 1", "num_nodes: 2"),
        ("service: {ports: 8080", "service: {ports: 8081"),
        ("{infra: ssh/lab}", "{infra: ssh/other}"),
        ("any_of", "ordered"),
        ("cpus: 2", "cpus: 2, accelerators: 'A100:8'"),
    ],
)
def test_what_needs_another_machine(old: str, new: str) -> None:
    """Resources, nodes, and the port that is reached from outside; then the task is another one too."""
    machine, task = keys(BASE.replace(old, new))
    assert machine != MACHINE
    assert task != TASK


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_stored_task_is_the_same(path: Path) -> None:
    """The keys of a task that went through the database are those of the one that was read."""
    task = load(path).task
    if task.service is not None:
        assert machine_key(stored(task)) == machine_key(task)
        assert task_key(stored(task), FILES) == task_key(task, FILES)


@pytest.mark.parametrize(
    ("old", "new", "extent"),
    [
        ("name: web", "name: other", Extent.NOTHING),
        ("replicas: 2", "replicas: 3", Extent.SERVICE),
        ("run: serve", "run: serve --fast", Extent.TASK),
        ("cpus: 2", "cpus: 4", Extent.MACHINE),
    ],
)
def test_an_update_goes_as_deep_as_what_it_changes(old: str, new: str, extent: Extent) -> None:
    """The deepest change decides."""
    before, after = (parse_task(text, filename="f.yaml") for text in (BASE, BASE.replace(old, new)))
    assert extent_of(before, FILES, after, FILES) is extent
    assert extent_of(before, FILES, after, (("~/sky_workdir", "tree-2"),)) is max(extent, Extent.TASK, key=DEPTH.index)
