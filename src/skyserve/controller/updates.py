"""What users ask of the versions of a service: a new one, an earlier one again, to hold an update or let it go on."""

from dataclasses import replace
from pathlib import Path

from skyserve.contracts.store import AddVersion, CopyVersion, PutService, SetOutcome
from skyserve.controller.intake import Intake
from skyserve.controller.reconciler import Reconciler, Wish
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.rollout import Rollout, UpdateMode
from skyserve.model.service import Goal
from skyserve.model.snapshot import Snapshot
from skyserve.policy.rollout.beginning import begin, go_on, hold, version_before
from skyserve.spec.target import target_of
from skyserve.spec.task import Task

LEFT = "rolled back by the user"
"""What speaks against a version that a user went back from."""


class Updates:
    """Each method is one decision, recorded at once; the loop of the service carries it out."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def update(self, reconciler: Reconciler, task: Task, base: Path, mode: UpdateMode | None) -> None:
        """Record a new version. Raises ServeError, SpecError."""
        refuse_going_down(reconciler.snapshot())
        async with self._intake.admission:
            taken = await self._intake.take(task, base, reconciler.document)
            document = taken.document(reconciler.service.name)
            chosen = mode or target_of(task).update.mode

            def wish(snapshot: Snapshot) -> Wish:
                refuse_going_down(snapshot)
                version = AddVersion(document, taken.trees, "update", snapshot.now)
                service = begin(snapshot, chosen)
                return Wish((version, PutService(service)), f"version {snapshot.version.number + 1}: {chosen}")

            reconciler.learn_offers(target_of(task), taken.offers)
            await reconciler.wish("update", wish)

    async def rollback(self, reconciler: Reconciler, to: int | None) -> None:
        """Record a version that is what an earlier one was. None: the one before. Raises ServeError."""

        def wish(snapshot: Snapshot) -> Wish:
            refuse_going_down(snapshot)
            number, present = earlier_version(snapshot, to), snapshot.version.number
            reason = f"rollback to version {number}"
            copy = CopyVersion(number, reason, snapshot.now)
            service = begin(snapshot, UpdateMode.ROLLING)
            return Wish((SetOutcome(present, LEFT), copy, PutService(service)), f"version {present + 1}: {reason}")

        await reconciler.wish("rollback", wish)

    async def pause(self, reconciler: Reconciler) -> None:
        """Hold the update under way; twice does no harm. Raises ServeError if there is none."""

        def wish(snapshot: Snapshot) -> Wish | None:
            rollout = _under_way(snapshot)
            if rollout.paused_at is not None:
                return None
            service = replace(snapshot.service, rollout=hold(snapshot, rollout))
            return Wish((PutService(service),), f"the update to version {rollout.version} is held")

        await reconciler.wish("pause", wish)

    async def resume(self, reconciler: Reconciler) -> None:
        """Let an update that is held go on; twice does no harm. Where launching stopped meanwhile, that is to leave the
        version. Raises ServeError if there is none, or launching has stopped and nothing would follow."""

        def wish(snapshot: Snapshot) -> Wish | None:
            rollout, service = _under_way(snapshot), snapshot.service
            leaves = rollout.paused_at is not None and snapshot.version.target.update.automatic_rollback
            if service.stopped_reason and not leaves:
                raise ServeError(
                    ErrorKind.CONFLICT,
                    f"The update of service {service.name!r} cannot go on: {service.stopped_reason}",
                    f"Mend the YAML and update once more, or run: sky serve rollback {service.name}",
                )
            if rollout.paused_at is None:
                return None
            after = replace(service, rollout=go_on(rollout, snapshot.now))
            return Wish((PutService(after),), f"the update to version {rollout.version} goes on")

        await reconciler.wish("resume", wish)


def refuse_going_down(snapshot: Snapshot) -> None:
    """Raise ServeError for a service that is ending."""
    name = snapshot.service.name
    if snapshot.service.goal is not Goal.RUN:
        raise ServeError(
            ErrorKind.CONFLICT,
            f"Service {name!r} is going down.",
            f"Wait until it is gone, then run: sky serve up FILE -n {name}",
        )


def _under_way(snapshot: Snapshot) -> Rollout:
    refuse_going_down(snapshot)
    rollout, name = snapshot.service.rollout, snapshot.service.name
    if rollout is None:
        raise ServeError(
            ErrorKind.CONFLICT,
            f"No update of service {name!r} is under way.",
            f"Begin one with: sky serve update {name} FILE. What was before: sky serve history {name}",
        )
    return rollout


def earlier_version(snapshot: Snapshot, to: int | None) -> int:
    """The number of the version to go back to. Raises ServeError."""
    name, present = snapshot.service.name, snapshot.version.number
    see = f"See: sky serve history {name}"
    if to is None:
        before = version_before(snapshot)
        if before is None:
            what = f"Service {name!r} has no version before {present} that was ever ready and did not fail."
            raise ServeError(ErrorKind.CONFLICT, what, f"{see}, then name one with --to.")
        return before.number
    if to == present:
        raise ServeError(ErrorKind.CONFLICT, f"Version {to} of service {name!r} is the one that is wanted now.", see)
    if to not in {version.number for version in snapshot.versions}:
        raise ServeError(ErrorKind.NOT_FOUND, f"Service {name!r} has no version {to}.", see)
    return to
