"""From files, dictionaries and options to a Task."""

from pathlib import Path
from typing import Any

import pytest

from skyserve.client.load import load_task
from skyserve.model.error import ErrorKind, ServeError
from skyserve.spec.overrides import TaskOverrides
from skyserve.spec.target import main_port

YAML = """\
run: serve --port 8080
envs: {MODEL: small}
secrets: {TOKEN: null}
resources: {ports: 8080, cpus: 2}
service: {readiness_probe: /, replicas: 2}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A service's YAML that wants a secret."""
    file = tmp_path / "service.yaml"
    file.write_text(YAML)
    return file


def token(**given: Any) -> str:
    """The value that the secret gets."""
    return load_task(**given).secrets["TOKEN"].get_secret_value()


def test_a_file_is_read_with_variables_and_options(path: Path) -> None:
    """What is given goes over what the file has."""
    task = load_task(
        path, envs={"MODEL": "large"}, secrets={"TOKEN": "t"}, overrides=TaskOverrides(cpus="4+", ports=["9090"])
    )
    assert task.envs == {"MODEL": "large"}
    assert str(task.resources.cpus) == "4+"
    assert main_port(task) == 9090


def test_a_dictionary_does_as_well(path: Path) -> None:
    """The same content gives the same task, whatever its form; a Task is taken as it is."""
    document = {
        "run": "serve --port 8080",
        "envs": {"MODEL": "small"},
        "secrets": {"TOKEN": "t"},
        "resources": {"ports": 8080, "cpus": 2},
        "service": {"readiness_probe": "/", "replicas": 2},
    }
    task = load_task(document)
    assert task == load_task(str(path), secrets={"TOKEN": "t"})
    assert load_task(task) is task


def test_secrets_come_from_many_places_in_order(path: Path, tmp_path: Path) -> None:
    """--secret goes over --secret-file, that over --env-file; a name alone is looked up in the environment."""
    env_file, secret_file = tmp_path / ".env", tmp_path / ".secrets"
    env_file.write_text("TOKEN=from-env-file\n")
    secret_file.write_text("TOKEN=from-secret-file\n")
    assert token(source=path, env_file=env_file) == "from-env-file"
    assert token(source=path, env_file=env_file, secret_file=secret_file) == "from-secret-file"
    given: dict[str, Any] = {"secrets": {"TOKEN": None}, "environ": {"TOKEN": "from-environment"}}
    assert token(source=path, env_file=env_file, secret_file=secret_file, **given) == "from-environment"


def test_mistakes_are_told_with_their_line(path: Path) -> None:
    """The file, the line and the key, as one error of the kind that callers know."""
    path.write_text(YAML.replace("replicas: 2", "replica: 2"))
    with pytest.raises(ServeError, match=r"service\.yaml:5: service\.replica: unknown key") as raised:
        load_task(path, secrets={"TOKEN": "t"})
    assert raised.value.kind is ErrorKind.INVALID_SPEC


def test_what_would_have_no_effect_is_refused(path: Path) -> None:
    """Valid but not supported yet is told before anything is started, with its line or option, in every form."""
    with pytest.raises(ServeError, match=r"--disk-size: resources\.disk_size: not supported yet"):
        load_task(path, secrets={"TOKEN": "t"}, overrides=TaskOverrides(disk_size="100"))
    with pytest.raises(ServeError, match="is missing, so this is not a service"):
        load_task({"run": "serve"})


def test_files_that_cannot_be_read_are_named(path: Path, tmp_path: Path) -> None:
    """No such file, a directory, no text: each is one sentence."""
    with pytest.raises(ServeError, match=r"nothing\.yaml cannot be read: No such file"):
        load_task(tmp_path / "nothing.yaml")
    with pytest.raises(ServeError, match="cannot be read: Is a directory"):
        load_task(tmp_path)
    binary = tmp_path / "binary"
    binary.write_bytes(b"A=\xff")
    with pytest.raises(ServeError, match="not text in UTF-8"):
        load_task(path, env_file=binary)


def test_a_dictionary_of_strange_things_is_refused() -> None:
    """What YAML could not say is an error of the caller's, not a traceback."""
    with pytest.raises(ServeError) as raised:
        load_task({"run": object()})
    assert raised.value.kind is ErrorKind.INVALID_SPEC
