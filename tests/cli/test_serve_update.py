"""`sky serve update`, `rollback`, `history`, `pause` and `resume`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from skyserve.api.examples import HISTORY, UPDATING
from skyserve.client.decode import decode
from skyserve.model.rollout import Extent, UpdateMode
from skyserve.model.view import RolloutView, VersionView
from tests.api.fake import FakeOperations
from tests.cli.typing_at_a_shell import sky

assert UPDATING.rollout is not None
ROLLOUT: RolloutView = UPDATING.rollout


@pytest.fixture
def fake(operations: FakeOperations) -> FakeOperations:
    """An update is seen under way twice, at different seconds of its waiting; then it is done."""
    operations.rollouts = [ROLLOUT, replace(ROLLOUT, detail="waits 239 s more"), None]
    return operations


def test_update_shows_asks_and_follows(fake: FakeOperations, yaml: Path) -> None:
    """What changes and what that does to replicas, a question, a line for each change, the end."""
    ran = sky("serve update web", str(yaml), stdin="y\n")
    assert ran.code == 0
    for part in (
        "What changes of service 'web', version 1:",
        "  - run: serve --model small",
        "  + run: serve --model large",
        "  other files in ~/sky_workdir",
        "replicas are restarted, on the machines they have",
        "Updating service 'web' (rolling). Proceed? [Y/n]: y",
        "✓ Service 'web' is at version 2 now.",
    ):
        assert part in ran.out
    assert ran.out.count("version 1 -> 2, canary 25 %") == 1
    assert "estimated" not in ran.out
    ((task, name, base, mode),) = fake.updates
    assert (task.run, name, base, mode) == ("serve", "web", Path.cwd(), None)


def test_a_no_updates_nothing(fake: FakeOperations, yaml: Path) -> None:
    """The question is meant; no answer at all counts as no."""
    for answer in ("n\n", ""):
        assert sky("serve update web", str(yaml), stdin=answer).code == 1
    assert fake.updates == []


def test_machines_are_shown_where_they_are_needed(fake: FakeOperations, yaml: Path) -> None:
    """Other machines: which ones; none to be had: that is told before the question."""
    fake.previewed = replace(fake.previewed, extent=Extent.MACHINE)
    assert "local (localhost)" in sky("serve update web", str(yaml), stdin="n\n").out
    assert "Updating service 'web' (canary). Proceed?" in sky("serve update web --mode canary", str(yaml)).out
    fake.available = []
    ran = sky("serve update web", str(yaml))
    assert (ran.code, "No enabled infra can ever run" in ran.err) == (1, True)
    assert "Proceed" not in ran.out


def test_options_reach_the_update(fake: FakeOperations, yaml: Path) -> None:
    """The mode, and what stands in for keys of the file; -y asks nothing, --no-follow waits for nothing."""
    ran = sky("serve update web -y --no-follow --mode blue_green --env A=b --cpus 4", str(yaml))
    assert ran.code == 0
    assert ran.out == "The update of service 'web' to version 2 has begun. Watch it: sky serve status web --watch\n"
    ((task, _, _, mode),) = fake.updates
    assert (task.envs, str(task.resources.cpus), mode) == ({"A": "b"}, "4", UpdateMode.BLUE_GREEN)


def test_the_name_in_the_file_is_not_used(fake: FakeOperations, yaml: Path) -> None:
    """And that is said before the question where it differs."""
    yaml.write_text("name: other\n" + yaml.read_text())
    ran = sky("serve update web", str(yaml), stdin="y\n")
    assert ran.code == 0
    assert f"The service is 'web': the name in {yaml}, 'other', is not used.\n" in ran.out
    assert fake.updates[0][1] == "web"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("nobody FILE -y", 3, "Service 'nobody' not found."),
        ("nobody FILE", 3, "Service 'nobody' not found."),
        ("web FILE --mode canarry", 2, "'rolling', 'blue_green', 'canary'"),
        ("web nothing.yaml", 2, "'nothing.yaml' does not exist"),
        ("web", 2, "Missing argument 'YAML'"),
        ("FILE web", 2, "Write: sky serve update SERVICE FILE"),
        ("web FILE --image-id docker:x", 2, "not supported yet"),
    ],
)
def test_wrong_wishes_update_nothing(fake: FakeOperations, yaml: Path, arguments: str, code: int, said: str) -> None:
    """Each is told, with the code that means it."""
    ran = sky(f"serve update {arguments.replace('FILE', str(yaml))}")
    assert (ran.code, fake.updates) == (code, [])
    assert said.replace("FILE", str(yaml)) in " ".join(ran.err.split())
    assert "Traceback" not in ran.err


def test_a_version_that_fails_fails_the_command(fake: FakeOperations, yaml: Path) -> None:
    """The service went back by itself: exit code 1, why, and where to look."""
    fake.versions = [
        *HISTORY[:1],
        replace(HISTORY[1], outcome="failed: replica 2: run exited with 1"),
        VersionView(3, 0.0, "automatic rollback to version 1", "current", 1),
    ]
    ran = sky("serve update web -y", str(yaml))
    assert ran.code == 1
    assert "Version 2 of service 'web' did not take over: replica 2: run exited with 1." in ran.err
    assert "The service is at version 3 now." in ran.err
    assert "sky serve history web" in ran.err


def test_interrupting_leaves_the_update(fake: FakeOperations, yaml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the watching alone, and says how to hold the update and how to go back."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("skyserve.cli.progress.time.sleep", interrupt)
    ran = sky("serve update web -y", str(yaml))
    assert ran.code == 130
    for part in ("goes on", "sky serve pause web", "sky serve rollback web", "sky serve status web --watch"):
        assert part in ran.err
    assert len(fake.updates) == 1


def test_rollback(fake: FakeOperations) -> None:
    """Shown, asked, followed; to the version before, or to the one that is named."""
    ran = sky("serve rollback web", stdin="y\n")
    assert ran.code == 0
    assert "  + run: serve --model large" in ran.out
    assert "Rolling service 'web' back to version 1. Proceed? [Y/n]: y" in ran.out
    assert ran.out.endswith("✓ Service 'web' is at version 2 now.\n")
    ran = sky("serve rollback web --to 1 --no-follow", stdin="\n")
    assert "back to version 1. Proceed?" in ran.out
    assert ran.out.endswith(
        "The rollback of service 'web' to version 2 has begun. Watch it: sky serve status web --watch\n"
    )
    assert sky("serve rollback web", stdin="n\n").code == 1
    assert fake.rollbacks == [("web", None), ("web", 1)]


def test_a_rollback_to_nowhere(fake: FakeOperations) -> None:
    """A version, or a service, that is not there: exit code 3, asked or not."""
    for command in ("serve rollback web --to 9", "serve rollback web --to 9 -y"):
        ran = sky(command)
        assert (ran.code, "has no version 9" in ran.err, "sky serve history web" in ran.err) == (3, True, True)
    assert sky("serve rollback nobody -y").code == 3
    assert sky("serve rollback web --to 0").code == 2
    assert fake.rollbacks == []


def test_history(fake: FakeOperations) -> None:
    """A table, or the views as JSON; of no service, exit code 3."""
    ran = sky("serve history web")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["VERSION", "CREATED", "REPLICAS", "REASON", "OUTCOME"]
    assert "superseded by version 2" in ran.out
    assert decode(list[VersionView], json.loads(sky("serve history web -o json").out)) == HISTORY
    assert sky("serve history nobody").code == 3


def test_pause_and_resume(operations: FakeOperations) -> None:
    """Done and told, with what to type next; where no update is under way, exit code 1."""
    operations.views["web"] = UPDATING
    ran = sky("serve pause web")
    assert ran.out.startswith("The update of service 'web' to version 2 is held.\n")
    assert "sky serve resume web" in ran.out and "sky serve rollback web" in ran.out
    assert "; paused; " in sky("serve status web").out
    assert sky("serve resume web").out.startswith("The update of service 'web' to version 2 goes on.")
    assert operations.held == [("web", True), ("web", False)]
    operations.views["web"] = replace(UPDATING, rollout=None)
    for command in ("serve pause web", "serve resume web"):
        ran = sky(command)
        assert (ran.code, "No update of service 'web' is under way." in ran.err) == (1, True)


def test_an_update_shows_in_status(operations: FakeOperations) -> None:
    """One line beneath the services, and the same as JSON."""
    operations.views["web"] = UPDATING
    assert "\nUpdate of 'web': version 1 -> 2, canary 25 %, 1 of 1 new replicas ready" in sky("serve status web").out
    (view,) = json.loads(sky("serve status web -o json").out)
    assert decode(RolloutView, view["rollout"]) == ROLLOUT
