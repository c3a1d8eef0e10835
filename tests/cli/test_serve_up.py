"""`sky serve up` and `sky serve check`."""

import json
from pathlib import Path

import pytest

from skyserve.model.home import Home
from skyserve.model.view import ServiceStatus
from tests.api.fake import FakeOperations
from tests.cli.typing_at_a_shell import sky


def test_up_shows_asks_starts_and_tells(operations: FakeOperations, yaml: Path) -> None:
    """What will run and where, a question, then the endpoint and what to type next."""
    ran = sky("serve up -n demo", str(yaml), stdin="y\n")
    assert ran.code == 0
    for part in (
        f"YAML to run: {yaml}\n",
        "Service spec:",
        "GET /health",
        "Fixed 2 replicas",
        "Each replica will use the following resources (estimated):",
        "local (localhost)",
        "Launching a new service 'demo'. Proceed? [Y/n]: y",
        "Service name: demo",
        "Endpoint URL: http://127.0.0.1:30001",
        "sky serve logs demo 1",
        "curl http://127.0.0.1:30001",
        "✓ Service is spinning up and replicas will be ready shortly.",
    ):
        assert part in ran.out
    ((task, name, base),) = operations.ups
    assert (task.run, name, base) == ("serve", "demo", Path.cwd())


def test_a_no_starts_nothing(operations: FakeOperations, yaml: Path) -> None:
    """The question is meant; no answer at all counts as no."""
    for answer in ("n\n", ""):
        ran = sky("serve up -n demo", str(yaml), stdin=answer)
        assert (ran.code, operations.ups) == (1, [])


def test_a_name_is_made_up_where_none_is_given(operations: FakeOperations, yaml: Path) -> None:
    """It has SkyServe's form, and the question names it."""
    ran = sky("serve up -y", str(yaml))
    assert ran.code == 0
    name = operations.ups[0][1]
    assert name is not None and name.startswith("sky-service-") and len(name) == 16


def test_a_name_that_is_taken_is_told_before_the_question(operations: FakeOperations, yaml: Path) -> None:
    """With what to do instead."""
    ran = sky("serve up -n web", str(yaml))
    assert ran.code == 1
    assert "Service 'web' exists already." in ran.err
    assert f"sky serve update web {yaml}" in ran.err and "sky serve down web" in ran.err
    assert "Proceed" not in ran.out


def test_options_reach_the_task(operations: FakeOperations, yaml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables, from here and from the environment, and what stands in for keys of the file."""
    monkeypatch.setenv("TOKEN", "hunter2")
    ran = sky("serve up -y -n demo --env MODEL=a=b --env EMPTY= --secret TOKEN --cpus 4+ --num-nodes 2", str(yaml))
    assert ran.code == 0
    assert "hunter2" not in ran.out + ran.err
    task = operations.ups[0][0]
    assert task.envs == {"MODEL": "a=b", "EMPTY": ""}
    assert task.secrets["TOKEN"].get_secret_value() == "hunter2"
    assert (str(task.resources.cpus), task.num_nodes) == ("4+", 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--env 1=x", "NAME=VALUE"),
        ("--secret my-token=hunter2", "NAME=VALUE"),
        ("--env UNSET_HERE", "UNSET_HERE"),
        ("-n -x", "name"),
        ("-n a/b", "a name begins with a letter"),
        ("--env-file nothing", "does not exist"),
        ("--num-nodes 0", "num-nodes"),
        ("--image-id docker:x", "--image-id: resources.image_id: not supported yet"),
        ("--gpus :x", "--gpus"),
    ],
)
def test_wrong_options_are_wrong_usage(operations: FakeOperations, yaml: Path, options: str, said: str) -> None:
    """Exit code 2, one message, nothing started, no secret shown."""
    ran = sky(f"serve up -y {options}", str(yaml))
    assert ran.code == 2
    assert said in ran.err
    assert "hunter2" not in ran.err
    assert operations.ups == []


def test_a_wrong_yaml_is_told_with_its_line(operations: FakeOperations, yaml: Path) -> None:
    """Every mistake, without a traceback, with exit code 2."""
    yaml.write_text("run: serve\nservice:\n  replica: 2\n  readines_probe: /\n")
    ran = sky("serve up -y", str(yaml))
    assert ran.code == 2
    assert f"{yaml}:3: service.replica: unknown key" in ran.err
    assert "Did you mean readiness_probe?" in ran.err
    assert "Traceback" not in ran.err


def test_what_fits_nowhere_is_told(operations: FakeOperations, yaml: Path) -> None:
    """Before the question, with where to look."""
    operations.available = []
    ran = sky("serve up -y", str(yaml))
    assert ran.code == 1
    assert "No enabled infra can ever run" in ran.err
    assert "sky check" in ran.err
    assert operations.ups == []


def test_waiting_shows_how_it_gets_on(operations: FakeOperations, yaml: Path) -> None:
    """A line for each change where no terminal is, and the end."""
    operations.statuses = [ServiceStatus.REPLICA_INIT, ServiceStatus.REPLICA_INIT, ServiceStatus.READY]
    operations.views.clear()
    ran = sky("serve up -y -n demo --wait", str(yaml))
    assert ran.code == 0
    assert ran.out.count("demo: REPLICA_INIT") == 1
    assert ran.out.endswith("✓ Service 'demo' is ready.\n")


def test_waiting_for_what_fails_fails(operations: FakeOperations, yaml: Path) -> None:
    """With the reason, what to look at, and exit code 1."""
    operations.statuses = [ServiceStatus.CONTROLLER_FAILED]
    operations.views.clear()
    ran = sky("serve up -y -n demo --wait", str(yaml))
    assert ran.code == 1
    assert "Service 'demo' did not become ready: it is CONTROLLER_FAILED" in ran.err
    assert "sky serve logs demo --controller" in ran.err


def test_interrupting_the_wait_leaves_the_service(
    operations: FakeOperations, yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the waiting alone, and says so."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    operations.statuses = [ServiceStatus.REPLICA_INIT]
    monkeypatch.setattr("skyserve.cli.progress.time.sleep", interrupt)
    ran = sky("serve up -y -n demo --wait", str(yaml))
    assert ran.code == 130
    assert "Service 'demo' goes on starting." in ran.err
    assert "sky serve down demo" in ran.err
    assert "demo" in operations.views


def test_check_shows_and_starts_nothing(operations: FakeOperations, yaml: Path) -> None:
    """As `up`, without the question."""
    ran = sky("serve check", str(yaml))
    assert ran.code == 0
    assert "local (localhost)" in ran.out
    assert ran.out.endswith(f"✓ {yaml} is valid.\n")
    assert operations.ups == []


def test_check_offline_needs_no_controller(home: Home, yaml: Path) -> None:
    """For editors and CI: nothing is started to look at a file."""
    assert sky("serve check --offline", str(yaml)).code == 0
    yaml.write_text("run: serve\n")
    ran = sky("serve check", str(yaml))
    assert (ran.code, "is missing, so this is not a service" in ran.err) == (2, True)
    assert not home.root.exists()


def test_check_prints_the_schema() -> None:
    """No file is needed for it."""
    ran = sky("serve check --json-schema")
    assert ran.code == 0
    assert "service" in json.loads(ran.out)["properties"]
