"""A controller that is killed at any crossing of an update: the next one brings it to the same end."""

from pathlib import Path

import pytest

from skyserve.infra.simulated.behaviour import FOR_EVER, Course
from skyserve.sim.gate import Gate
from tests.controller.killing import clean, crossings, killed
from tests.controller.scene import Scene, task
from tests.controller.test_crash import down, up
from tests.controller.updating import BAD, Watch, by_version, complete, ready, served, text, where

EVERY, MORE = 41, 4
"""Of so many crossings the fast test tries one, and of so many the slow one."""
CANARY = "  update: {mode: canary, canary_steps: [{traffic: 50, seconds: 5}]}\n"
IN_PLACE = "  update: {max_surge: 0, max_unavailable: 1}\n"


async def asked(scene: Scene, document: str) -> None:
    """A user asks for a version, and asks again if there was no answer; the second time it is the same once more."""
    await scene.ask(lambda operations: operations.update(task(document), "web", scene.folder, None))


async def story(folder: Path, gate: Gate) -> Scene:
    """A canary, a version that cannot run, a restart in place, the end."""
    scene = Scene(folder)
    await scene.begin(gate)
    scene.world.behaviour = where(BAD, FOR_EVER)
    await scene.ask(lambda operations: up(operations, folder))
    await scene.until(lambda: len(ready(scene)) == 2)
    fewest: list[int] = []
    watch = Watch(scene, lambda: fewest.append(len(scene.serving())))
    await asked(scene, text("serve --fast", CANARY))
    await watch.until(lambda: complete(scene) and served(scene) == {"serve --fast"})
    scene.world.behaviour = where(BAD, Course(output=b"no such model\n", exit_code=1))
    await asked(scene, text(BAD, CANARY))
    await watch.until(lambda: complete(scene) and max(by_version(scene)) >= 4)
    assert served(scene) == {"serve --fast"}
    assert min(fewest) == 2
    await asked(scene, text("serve --faster", IN_PLACE))
    await scene.until(lambda: complete(scene) and served(scene) == {"serve --faster"})
    assert len(scene.serving()) == 2
    await scene.ask(down)
    await scene.until(lambda: not scene.world.machines and not scene.controller.reconcilers)
    await scene.end()
    return scene


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_some_crossings_of_an_update(tmp_path: Path, after: bool) -> None:
    """Wherever it dies, as many replicas answer as before, nothing is started twice, and all comes to its end."""
    count = crossings(tmp_path, story)
    assert count > 100
    killed(tmp_path, story, clean, range(1 + 8 * after, count + 1, EVERY), after=after)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_many_crossings_of_an_update(tmp_path: Path, after: bool) -> None:
    """As above, at many more."""
    killed(tmp_path, story, clean, range(1 + 2 * after, crossings(tmp_path, story) + 1, MORE), after=after)
