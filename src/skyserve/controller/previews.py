"""What an update of a service would change, for its user to see before."""

from skyserve.model.view import UpdatePreview
from skyserve.spec.sameness import Trees, extent_of
from skyserve.spec.shown import shown_pair
from skyserve.spec.task import Task


def update_preview(name: str, version: int, old: Task, old_trees: Trees, new: Task, new_trees: Trees) -> UpdatePreview:
    """From the version wanted now to another task, each with the files that come with it. Holds no secret."""
    before, after = shown_pair(old, new)
    changed = {destination for destination, _ in {*old_trees} ^ {*new_trees}}
    return UpdatePreview(
        service=name,
        version=version,
        extent=extent_of(old, old_trees, new, new_trees),
        before=before,
        after=after,
        files=sorted(changed),
    )
