"""A controller that is killed at any crossing between it and the world leaves nothing that the next cannot finish."""

from pathlib import Path

import pytest

from skyserve.contracts.errors import NameTaken
from skyserve.controller.operations import ControllerOperations
from skyserve.sim.gate import Gate
from tests.controller.killing import clean, crossings, killed
from tests.controller.scene import Scene, task

EVERY = 9
"""The fast test tries so many crossings less than the slow one, which tries all."""


async def up(operations: ControllerOperations, folder: Path) -> None:
    """A user asks, or had asked before the crash."""
    try:
        await operations.up(task(), "web", folder)
    except NameTaken:
        return


async def down(operations: ControllerOperations) -> None:
    """A user asks; twice does no harm."""
    await operations.down(["web"], purge=False)


async def story(folder: Path, gate: Gate) -> Scene:
    """Launch two replicas, lose one's machine, let another's server die, take all down."""
    scene = Scene(folder)
    await scene.begin(gate)
    await scene.ask(lambda operations: up(operations, folder))
    await scene.until(lambda: len(scene.serving()) == 2)
    scene.world.lose(scene.machine_of(min(scene.serving())))
    await scene.until(lambda: len(scene.serving()) == 2)
    scene.world.end_script(scene.machine_of(min(scene.serving())), "run", exit_code=137)
    await scene.until(lambda: len(scene.serving()) == 2)
    await scene.ask(down)
    await scene.until(lambda: not scene.world.machines and not scene.controller.reconcilers)
    await scene.end()
    return scene


def check(scene: Scene) -> None:
    """Nothing leaked, nothing doubled, no id used twice."""
    clean(scene)
    assert len(scene.world.launches) == 4


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_some_crossings(tmp_path: Path, after: bool) -> None:
    """Wherever it dies in a launch, a replacement or a down, the next controller brings the story to the same end."""
    count = crossings(tmp_path, story)
    assert count > 50
    killed(tmp_path, story, check, range(1 + 4 * after, count + 1, EVERY), after=after)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_crossing(tmp_path: Path, after: bool) -> None:
    """As above, at every single crossing."""
    killed(tmp_path, story, check, range(1, crossings(tmp_path, story) + 1), after=after)
