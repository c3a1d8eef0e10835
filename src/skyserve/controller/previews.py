"""What an update or a rollback would change, for its user to see before. Nothing is recorded, no secret is shown."""

from pathlib import Path

from skyserve.controller.intake import Intake
from skyserve.controller.reconciler import Reconciler
from skyserve.controller.settling import settled
from skyserve.controller.updates import earlier_version, refuse_going_down
from skyserve.model.view import UpdatePreview
from skyserve.spec.sameness import Trees, extent_of
from skyserve.spec.shown import shown_pair
from skyserve.spec.task import Task


class Previews:
    """Each method refuses what the update or the rollback itself would refuse, but for want of a machine."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def update(self, reconciler: Reconciler, task: Task, base: Path) -> UpdatePreview:
        """To a task that is not recorded yet. Raises ServeError, SpecError."""
        refuse_going_down(reconciler.snapshot())
        async with self._intake.admission:
            trees = await self._intake.pack(task, base)
        return _from_present(reconciler, None, settled(task, base, reconciler.document), trees)

    def rollback(self, reconciler: Reconciler, to: int | None) -> UpdatePreview:
        """To an earlier version. Raises ServeError."""
        snapshot = reconciler.snapshot()
        refuse_going_down(snapshot)
        number = earlier_version(snapshot, to)
        return _from_present(reconciler, number, *reconciler.written(number))


def _from_present(reconciler: Reconciler, to: int | None, new: Task, new_trees: Trees) -> UpdatePreview:
    present = reconciler.snapshot().version.number
    old, old_trees = reconciler.written(present)
    before, after = shown_pair(old, new)
    changed = {destination for destination, _ in {*old_trees} ^ {*new_trees}}
    return UpdatePreview(
        service=reconciler.service.name,
        version=present,
        to=to,
        extent=extent_of(old, old_trees, new, new_trees),
        before=before,
        after=after,
        files=sorted(changed),
    )
