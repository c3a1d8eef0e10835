"""Words for stories about updates: ask for one, change what runs, look at what became of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from skyserve.contracts.infra import Script
from skyserve.infra.simulated.behaviour import FOR_EVER, Behaviour, Course
from skyserve.model.instance import Instance
from skyserve.model.replica import Phase
from skyserve.model.rollout import UpdateMode
from skyserve.model.view import ServiceView
from tests.controller.scene import SERVICE, Scene, task

BAD = "serve badly"
"""What a version that fails says."""


def text(run: str = "serve", service: str = "", replicas: int = 2) -> str:
    """A service that runs this, with more lines of its service section."""
    changed = SERVICE.replace("run: serve", f"run: {run}").replace("replicas: 2", f"replicas: {replicas}")
    return changed.replace("service:\n", f"service:\n{service}")


async def begin(scene: Scene, document: str) -> None:
    """A service that is ready, in a world that tells what runs."""
    scene.world.behaviour = where(BAD, FOR_EVER)
    await scene.operations.up(task(document), "web", scene.folder)
    count = task(document).service.replicas  # type: ignore[union-attr]
    await scene.until(lambda: len(scene.serving()) == count)


async def update(scene: Scene, document: str, mode: UpdateMode | None = None) -> ServiceView:
    """Ask for a new version."""
    return await scene.operations.update(task(document), "web", scene.folder, mode)


async def shown(scene: Scene) -> ServiceView:
    """What a user sees."""
    (found,) = await scene.operations.services(["web"])
    return found


def ready(scene: Scene) -> list[int]:
    """Replicas that were told to be ready, so that a controller's death takes no traffic from them."""
    rows = (r for reconciler in scene.controller.reconcilers for r in reconciler.snapshot().replicas)
    return [r.id for r in rows if r.phase is Phase.READY]


def by_version(scene: Scene) -> dict[int, int]:
    """Replicas that get traffic, by their versions."""
    rows = {r.id: r.version for reconciler in scene.controller.reconcilers for r in reconciler.snapshot().replicas}
    return dict(Counter(rows[replica_id] for replica_id in scene.serving()))


def served(scene: Scene) -> set[str]:
    """What runs on the machines."""
    return {machine.runs[0, "run"].course.output.decode().strip() for machine in scene.world.machines.values()}


def complete(scene: Scene) -> bool:
    """No update is under way, and every machine is of use."""
    (reconciler,) = scene.controller.reconcilers
    return reconciler.service.rollout is None and len(scene.world.machines) == len(scene.serving())


def where(command: str, course: Course) -> Behaviour:
    """What is run by that command goes this course; everything else serves."""

    def behave(_instance: Instance, _rank: int, name: str, script: Script) -> Course:
        if name != "run":
            return Course()
        chosen = course if command in script.body else FOR_EVER
        return replace(chosen, output=chosen.output or script.body.encode())

    return behave


class Watch:
    """Looks at the scene again and again while a story is told."""

    def __init__(self, scene: Scene, look: Callable[[], None]) -> None:
        self._scene, self._look = scene, look

    async def until(self, what: Callable[[], bool]) -> None:
        """As the scene's, looking meanwhile."""

        def looked() -> bool:
            self._look()
            return what()

        await self._scene.until(looked)
