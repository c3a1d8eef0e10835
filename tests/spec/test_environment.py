"""Where variables get their values, and where these are put."""

from typing import Any

import pytest

from skyserve.spec.describe import service_rows
from skyserve.spec.errors import SpecError
from skyserve.spec.parse import load_task, parse_task
from skyserve.spec.supported import unsupported
from skyserve.spec.task import Task

SECRET = 'hunter2 "quoted"'


def parsed(text: str, **given: Any) -> Task:
    return parse_task(text, filename="f.yaml", **given)


def refused(text: str, **given: Any) -> str:
    with pytest.raises(SpecError) as caught:
        parsed(text, **given)
    return str(caught.value)


def test_strength_of_the_sources() -> None:
    """The command line beats a file, and a file beats the YAML."""
    text = "envs: {A: yaml, B: yaml, C: yaml}\n"
    task = parsed(text, env_file={"B": "file", "C": "file"}, envs={"C": "option", "D": "option"})
    assert task.envs == {"A": "yaml", "B": "file", "C": "option", "D": "option"}


def test_an_env_file_feeds_the_secrets_that_are_named() -> None:
    """A name under `secrets` gets its value from --env-file unless --secret gives one, and is no plain variable."""
    task = parsed("secrets: {A: , B: }\n", env_file={"A": "file", "B": "file", "C": "file"}, secrets={"B": "option"})
    assert {name: secret.get_secret_value() for name, secret in task.secrets.items()} == {"A": "file", "B": "option"}
    assert task.envs == {"C": "file"}


def test_an_option_without_value_takes_the_environment() -> None:
    """`--env NAME` means the variable of the command's environment."""
    assert parsed("name: x\n", envs={"A": None}, environ={"A": "from here"}).envs == {"A": "from here"}
    expected = "--env: A: not set in the environment. Write --env A=..."
    assert refused("name: x\n", envs={"A": None}).startswith(expected)


def test_a_bad_name_is_told_by_its_option() -> None:
    """A name that no shell takes is refused where it was given."""
    expected = "--secret: secrets.1A: not the name of a variable. Use letters, digits and underscores."
    assert refused("name: x\n", secrets={"1A": "x"}) == expected


def test_a_variable_that_no_process_could_hold_is_refused() -> None:
    """NUL cannot be part of an environment."""
    expected = "--env: envs.A: holds a NUL character or broken text. Remove it."
    assert refused("name: x\n", envs={"A": "a\0b"}) == expected


def test_sections_with_and_without_variables() -> None:
    """Variables are put into service, file_mounts, workdir and volumes; the scripts and resources stay as written."""
    text = (
        "envs: {A: here, N: '3'}\n"
        "workdir: ./$A\nfile_mounts: {'/$A': './${A}/$B'}\nvolumes: {'/v/$A': $A}\n"
        "service: {replicas: $N, readiness_probe: {path: '/$A'}}\n"
        "resources: {ports: 80, labels: {x: $A}}\nsetup: echo $A\nrun: echo ${A}\n"
    )
    task = parsed(text)
    assert task.workdir == "./here"
    assert task.file_mounts == {"/here": "./here/$B"}
    assert task.volumes == {"/v/here": "here"}
    assert task.service is not None
    assert (task.service.replicas, task.service.readiness_probe.path) == (3, "/here")
    assert task.resources.labels == {"x": "$A"}
    assert (task.setup, task.run) == ("echo $A", "echo ${A}")


def test_longer_names_are_not_cut() -> None:
    """`$AB` is not `$A` followed by B."""
    assert parsed("envs: {A: x, AB: y}\nworkdir: $AB/$A/${A}B\n").workdir == "y/x/xB"


def test_two_paths_that_become_one_are_refused() -> None:
    """No mount is lost because variables made its path equal to another."""
    text = "envs: {A: a}\nfile_mounts:\n  /$A: x\n  /a: y\n"
    assert refused(text) == "f.yaml:2: file_mounts: two keys are the same once variables are put in."


def test_secrets_show_nowhere() -> None:
    """No repr, message or description holds a secret, wherever it was put in."""
    text = (
        "secrets: {S: }\nfile_mounts: {'/$S': a}\n"
        "service: {readiness_probe: {path: /, headers: {K: $S}, post_data: {key: $S}}}\nresources: {ports: 80}\n"
    )
    task = parsed(text, secrets={"S": SECRET})
    assert "hunter2" not in repr(task.secrets) + repr(task.service)
    assert "hunter2" not in str(service_rows(task))
    assert "hunter2" in task.model_dump_json()


@pytest.mark.parametrize(
    "line",
    [
        "service: {replicas: $S}",
        "service: {readiness_probe: $S}",
        "service: {readiness_probe: {path: /, post_data: $S}}",
        "service: {readiness_probe: {path: /, headers: {$S: [1]}}}",
        "service: {load_balancing_policy: $S}",
        "service: {$S: 1}",
        "service: {replica_policy: {min_replicas: 1, max_replicas: 2, target_qps_per_replica: {$S: 1}}}",
        "file_mounts: {/$S: {mode: $S}}",
        "file_mounts: {/$S: {$S: x}}",
        "workdir: {url: a, $S: b}",
    ],
)
def test_messages_show_what_was_written_and_not_the_secret(line: str) -> None:
    """A mistake made of a secret is told by the variable's name."""
    said = refused(f"secrets: {{S: }}\nresources: {{ports: 80}}\n{line}\n", secrets={"S": SECRET})
    assert "hunter2" not in said
    assert "f.yaml:3" in said


def test_what_is_not_supported_is_told_without_secrets() -> None:
    """The mount's path shows as it was written."""
    loaded = load_task("secrets: {S: }\nfile_mounts: {'/$S': s3://b}\n", filename="f.yaml", secrets={"S": SECRET})
    said = "\n".join(map(str, unsupported(loaded.task, loaded.source)))
    assert "f.yaml:2: file_mounts./$S: " in said
    assert "hunter2" not in said
