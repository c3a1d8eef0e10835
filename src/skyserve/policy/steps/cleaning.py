"""Nothing is left behind: no machine, no endless history, no empty service."""

from skyserve.model.plan import Finish, Forget, ForgetVersion, Reclaim
from skyserve.model.replica import Phase
from skyserve.model.service import Goal
from skyserve.policy.draft import Draft
from skyserve.policy.placement.resting import counts_until
from skyserve.policy.status import failed

HISTORY = 10
"""So many failed replicas are remembered; older ones are in the events."""


VERSIONS = 20
"""So many versions are remembered, to be gone back to."""


def reclaim_leaks(draft: Draft) -> None:
    """Terminate instances with our tag that no replica claims."""
    for instance in draft.snapshot.leaks:
        draft.do(Reclaim(instance, f"{instance.id} at {instance.place} belongs to no replica"))


def forget_history(draft: Draft) -> None:
    """Failed replicas stay to tell why, the last ones; and any as long as its end counts against its place, or that
    would be tried again at once. All others go once they are gone."""
    gone = draft.replicas(Phase.GONE)
    keep = {r.id for r in [r for r in gone if failed(r)][-HISTORY:]}
    keep |= {r.id for r in gone if counts_until(r) > draft.now}
    for replica in gone:
        if replica.id not in keep:
            draft.forget(replica)
            draft.do(Forget(replica.id, "its end is in the events"))


def forget_versions(draft: Draft) -> None:
    """The last ones are kept, and those that a row or the update under way still names; with the others go their
    files."""
    rollout = draft.service.rollout
    named = {r.version for r in draft.replicas()} | ({rollout.before} if rollout else set())
    for version in draft.snapshot.versions[:-VERSIONS]:
        if version.number not in named:
            draft.do(ForgetVersion(version.number, f"more than {VERSIONS} versions ago"))


def finish_service(draft: Draft) -> None:
    """A service that is to go down is removed once no replica may hold a machine."""
    remaining = draft.replicas()
    if draft.service.goal is not Goal.RUN and all(r.phase is Phase.GONE for r in remaining):
        draft.do(Finish("nothing of it is left"))
