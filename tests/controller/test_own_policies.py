"""Policies that users wrote, from their files to what becomes of a service."""

import re
import sys
import threading
from pathlib import Path

import pytest

from skyserve.controller import own_policies
from skyserve.controller.own_policies import OwnPolicies, check_policy, load_policy
from skyserve.model.autoscaling import Autoscaling, ScalingPolicy
from skyserve.model.error import ServeError
from skyserve.model.home import Home
from skyserve.model.service import Target, Version
from skyserve.policy.autoscaling.window import Seen
from tests.controller.scene import Scene, task
from tests.controller.test_stories import play, up, view
from tests.policy.test_autoscaling import seen
from tests.policy.worlds import HERE, world

DOCUMENT = Path(__file__).parents[2] / "docs" / "autoscaling.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), flags=re.MULTILINE | re.DOTALL)


def naming(function: str) -> Target:
    """A target whose number that function decides."""
    return Target(1, 8080, autoscaling=Autoscaling(ScalingPolicy.CONCURRENCY, 2, low=1, high=6, function=function))


def write(home: Home, name: str, text: str) -> None:
    """A module in the folder of policies."""
    file = home.policies / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_from_the_folder_and_from_packages(tmp_path: Path) -> None:
    """A file of the folder, one in a folder of it, and any function of what is installed; None where none is named."""
    home = Home(tmp_path)
    write(home, "mine.py", "def scale(snapshot, seen):\n    return 3\n")
    write(home, "team/two.py", "def scale(snapshot, seen):\n    return 4\n")
    mine, team = load_policy(naming("mine:scale"), home), load_policy(naming("team.two:scale"), home)
    assert mine is not None and mine(None, None) == 3
    assert team is not None and team(None, None) == 4
    assert load_policy(naming("math:ceil"), home) is not None
    assert load_policy(Target(1, 8080), home) is None


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("nowhere:scale", "nowhere cannot be read: ModuleNotFoundError: No module named 'nowhere'"),
        ("broken:scale", "broken cannot be read: ZeroDivisionError: division by zero"),
        ("leaving:scale", "leaving cannot be read: SystemExit: 3"),
        ("good:other", "good has no other."),
        ("good:number", "good has something that cannot be called as number."),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, function: str, words: str) -> None:
    """The key, the module, what is wrong with it, and what to do."""
    home = Home(tmp_path)
    write(home, "broken.py", "1 / 0\n")
    write(home, "leaving.py", "raise SystemExit(3)\n")
    write(home, "good.py", "number = 3\n")
    with pytest.raises(ServeError) as caught:
        load_policy(naming(function), home)
    assert caught.value.message == f"service.replica_policy.policy: {words}"
    assert caught.value.remedy


def test_a_version_is_read_once_and_a_failure_again(tmp_path: Path) -> None:
    """A file that is mended is read at the next try; one that changes is read by the next version."""
    home = Home(tmp_path)
    policies, first = OwnPolicies(home), Version(1, naming("late:scale"), 0.0)
    missing = policies.of(first)
    assert missing is not None
    with pytest.raises(ServeError, match="No module named 'late'"):
        missing(None, None)
    write(home, "late.py", "def scale(snapshot, seen):\n    return 1\n")
    there = policies.of(first)
    assert there is missing and there(None, None) == 1
    write(home, "late.py", "def scale(snapshot, seen):\n    return 20\n")
    assert there(None, None) == 1
    changed = policies.of(Version(2, first.target, 0.0))
    assert changed is not None and changed(None, None) == 20


@pytest.mark.parametrize(("usd", "replicas"), [(0.5, 4), (2.0, 2)])
def test_the_example_of_the_document_works(tmp_path: Path, usd: float, replicas: int) -> None:
    """Eight in flight: two a replica while machines are cheap, four while they are not."""
    home = Home(tmp_path)
    write(home, "my_policies.py", EXAMPLES[0])
    by_price = load_policy(naming("my_policies:by_price"), home)
    assert by_price is not None
    dear = HERE.__class__(HERE.place, HERE.machine, 1, 1, hourly_usd=usd)
    assert by_price(world(offers=(dear,)), seen(concurrency=8)) == replicas


def test_the_example_of_a_new_policy_works() -> None:
    """It wants what the higher of two others wants."""
    written: dict[str, object] = {}
    exec(EXAMPLES[1], written)
    highest = written["highest"]
    assert callable(highest)
    knobs = Autoscaling(ScalingPolicy.CONCURRENCY, 2, low=1, high=6)

    def wanted(load: Seen) -> int:
        return int(highest(load, knobs).replicas)

    assert (wanted(seen(rate=8)), wanted(seen(concurrency=6)), wanted(seen(rate=2, concurrency=6))) == (4, 3, 3)


SERVICE = """
service:
  readiness_probe: /health
  replica_policy: {min_replicas: 1, max_replicas: 4, policy: "mine:scale", upscale_delay_seconds: 0}
resources:
  ports: 8080
workdir: work
setup: prepare
run: serve
"""


def test_a_service_follows_it_and_survives_it(tmp_path: Path) -> None:
    """Three are wanted and come; the controller dies, and the file is broken when it comes back: three stay, and users
    are told; the file is mended: four come."""
    home = Home(tmp_path / "sky")
    good = "def scale(snapshot, seen):\n    return {}\n"

    async def story(scene: Scene) -> None:
        with pytest.raises(ServeError, match="No module named 'mine'"):
            await scene.operations.up(task(SERVICE), "web", tmp_path)
        with pytest.raises(ServeError, match="No module named 'mine'"):
            await scene.operations.offers(task(SERVICE))
        write(home, "mine.py", good.format(3))
        await up(scene, SERVICE)
        await scene.until(lambda: len(scene.serving()) == 3)
        write(home, "mine.py", "1 / 0\n")
        await scene.revive()
        await scene.clock.sleep(60)
        seen_now = await view(scene)
        assert (seen_now.target_replicas, len(scene.serving())) == (3, 3)
        assert "mine:scale failed" in seen_now.detail and "division by zero" in seen_now.detail
        write(home, "mine.py", good.format(4))
        await scene.until(lambda: len(scene.serving()) == 4)
        assert (await view(scene)).detail == ""

    play(tmp_path, story)


async def test_a_module_that_hangs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it has an end, and whoever names it is told."""
    release = threading.Event()
    monkeypatch.setattr(own_policies, "ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(own_policies, "load_policy", lambda target, home: release.wait())
    with pytest.raises(ServeError, match=re.escape("service.replica_policy.policy: slow is still being read after")):
        await check_policy(naming("slow:scale"), Home(tmp_path))
    release.set()


HANGING = """
import threading
go_on, asked = threading.Event(), []
def scale(snapshot, seen):
    asked.append(seen)
    go_on.wait()
    return 4
"""


def test_a_service_waits_for_none_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three are wanted and come; the new version's policy hangs: replicas that are lost are replaced, three stay, users
    are told, and it is asked no second time; it goes on: four come, and it is asked again."""
    home = Home(tmp_path / "sky")
    write(home, "mine.py", "def scale(snapshot, seen):\n    return 3\n")

    async def story(scene: Scene) -> None:
        await up(scene, SERVICE)
        await scene.until(lambda: len(scene.serving()) == 3)
        write(home, "mine.py", HANGING)
        monkeypatch.setattr(own_policies, "ANSWER_SECONDS", 1.0)
        changed = task(SERVICE.replace("max_replicas: 4", "max_replicas: 5"))
        await scene.operations.update(changed, "web", tmp_path, None)
        await scene.until(lambda: bool(sys.modules["skyserve_policies.mine"].asked))
        module = sys.modules["skyserve_policies.mine"]
        lost = scene.serving()[0]
        scene.world.lose(scene.machine_of(lost))
        await scene.until(lambda: len(scene.serving()) == 3 and lost not in scene.serving())
        await scene.clock.sleep(120)
        told = await view(scene)
        assert (told.target_replicas, len(module.asked)) == (3, 1)
        assert "mine:scale failed: TimeoutError: no answer for 1 s" in told.detail
        module.go_on.set()
        await scene.until(lambda: len(scene.serving()) == 4)
        assert len(module.asked) > 1
        assert (await view(scene)).detail == ""

    play(tmp_path, story)
