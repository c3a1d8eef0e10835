"""What users ask of the controller (the API's Operations): up, update, down, status, plan, logs, check."""

import asyncio
import fnmatch
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from skyserve.contracts.errors import NameTaken
from skyserve.contracts.infra import CheckResult
from skyserve.contracts.store import ForgetReplica, PutReplica, PutService
from skyserve.controller.controller import Controller
from skyserve.controller.growing_file import growing_file
from skyserve.controller.intake import Intake
from skyserve.controller.keys import Keys
from skyserve.controller.logs import event_lines, replica_log
from skyserve.controller.metrics.exposition import exposition
from skyserve.controller.previews import Previews
from skyserve.controller.reconciler import Reconciler, Wish
from skyserve.controller.updates import Updates
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.key import KeyLimits
from skyserve.model.name import NAME_PATTERN, meant, valid_name
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.resources import Offer
from skyserve.model.rollout import UpdateMode
from skyserve.model.service import Goal
from skyserve.model.snapshot import Snapshot
from skyserve.model.traffic import ServiceTraffic
from skyserve.model.view import DownResult, KeyView, NewKey, PlanView, ServiceView, Skipped, UpdatePreview, VersionView
from skyserve.policy.lifecycle import ENDING, move
from skyserve.policy.view import plan_view, service_view, version_views
from skyserve.spec.describe import describe_policy, requested_resources
from skyserve.spec.task import Task

ENDPOINT_HOST = "127.0.0.1"
"""Where users on this machine reach the endpoint."""


class ControllerOperations:
    """The controller, as the API sees it. Every refusal is a ServeError, a SpecError or NameTaken."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._world = controller.world
        self._intake = Intake(self._world)
        self._updates = Updates(self._intake)
        self._keys = Keys()
        self._previews = Previews(self._intake)
        self.stopping = asyncio.Event()
        """Set when the process is to end."""

    @property
    def admitting(self) -> bool:
        """A service is being taken in, which may take as long as its files are large."""
        return self._intake.admission.locked()

    async def up(self, task: Task, name: str | None, base: Path) -> ServiceView:
        """Record a new service and begin to look after it."""
        async with self._intake.admission:
            taken = {r.service.name for r in self._controller.reconcilers}
            name = self._name(name, task, taken)
            found = await self._intake.take(task, base)
            port = await self._world.router.free_port(frozenset(r.service.port for r in self._controller.reconcilers))
            now = self._world.clock.now()
            document = found.document(name)
            try:
                record = await self._world.store.create_service(name, port, document, found.trees, now)
                return self._view(await self._controller.adopt(record.service.id, offers=found.offers))
            except BaseException:  # also when who asked has gone: it may be recorded nevertheless
                self._controller.find_services()
                raise

    async def preview_update(self, task: Task, name: str, base: Path) -> UpdatePreview:
        """What `update` would change."""
        return await self._previews.update(self._find(name), task, base)

    async def update(self, task: Task, name: str, base: Path, mode: UpdateMode | None) -> ServiceView:
        """Record a new version of a service; its replicas take over later. None: in the mode that the task names. The
        service keeps its name and its endpoint."""
        reconciler = self._find(name)
        await self._updates.update(reconciler, task, base, mode)
        return self._view(reconciler)

    async def preview_rollback(self, name: str, to: int | None) -> UpdatePreview:
        """What `rollback` would change."""
        return self._previews.rollback(self._find(name), to)

    async def rollback(self, name: str, to: int | None) -> ServiceView:
        """Record a version that is what version `to` was. None: the one that an update under way replaces, else the
        last good one before the present one."""
        reconciler = self._find(name)
        await self._updates.rollback(reconciler, to)
        return self._view(reconciler)

    async def pause(self, name: str) -> ServiceView:
        """Hold the update under way where it stands. A second time changes nothing."""
        reconciler = self._find(name)
        await self._updates.pause(reconciler)
        return self._view(reconciler)

    async def resume(self, name: str) -> ServiceView:
        """Go on with an update that is held. A second time changes nothing."""
        reconciler = self._find(name)
        await self._updates.resume(reconciler)
        return self._view(reconciler)

    async def history(self, name: str) -> list[VersionView]:
        """The versions that are remembered, ascending."""
        return version_views(self._find(name).snapshot())

    def _name(self, name: str | None, task: Task, taken: set[str]) -> str:
        if name is None:
            name = f"sky-service-{secrets.token_hex(2)}"
        if not valid_name(name):
            raise ServeError(
                ErrorKind.INVALID_REQUEST,
                f"Service name {name!r} is not valid.",
                f"A name begins with a letter and ends with a letter or digit: {NAME_PATTERN}",
            )
        if name in taken:
            raise NameTaken(f"Service {name!r} exists already.")
        return name

    def _view(self, reconciler: Reconciler) -> ServiceView:
        task = reconciler.document
        return service_view(
            reconciler.snapshot(),
            policy=describe_policy(task),
            requested_resources=requested_resources(task),
            host=ENDPOINT_HOST,
        )

    async def services(self, names: Sequence[str] | None) -> list[ServiceView]:
        """Those of the names that exist; None: all."""
        return [self._view(r) for r in self._controller.reconcilers if names is None or r.service.name in names]

    async def down(self, names: Sequence[str] | None, purge: bool) -> DownResult:
        """Have services terminated, then forgotten."""
        chosen: dict[str, Reconciler] = {}
        missing = []
        for pattern in names if names is not None else ["*"]:
            matched = [r for r in self._controller.reconcilers if fnmatch.fnmatchcase(r.service.name, pattern)]
            chosen |= {r.service.name: r for r in matched}
            if not matched and names is not None:
                missing.append(pattern)
        goal = Goal.PURGE if purge else Goal.DOWN
        skipped = []
        scheduled = []
        for name, reconciler in sorted(chosen.items()):
            if reconciler.service.goal in (goal, Goal.PURGE):
                skipped.append(Skipped(name, "it is going down already"))
            else:
                await reconciler.wish(goal, _with_goal(goal))
                scheduled.append(name)
        return DownResult(scheduled, skipped, missing)

    async def terminate_replica(self, name: str, replica_id: int, purge: bool) -> None:
        """Have one replica terminated; another takes its place."""
        reconciler = self._find(name)
        replica = reconciler.replica(replica_id)
        if replica is None:
            raise _no_replica(name, replica_id)
        if replica.phase not in ENDING:
            await reconciler.wish(Cause.USER_TERMINATED, _without_replica(replica_id), replica_id)
        elif purge and replica.phase in (Phase.TERMINATING, Phase.GONE):
            await reconciler.wish(Cause.PURGED, _purged(replica_id), replica_id)
        else:
            state = _ENDING_IN_WORDS[replica.phase]
            raise ServeError(
                ErrorKind.CONFLICT,
                f"Replica {replica_id} of service {name!r} {state}.",
                f"To give it up and remove its row: sky serve down {name} --replica-id {replica_id} --purge",
            )

    async def plan(self, name: str) -> PlanView:
        """What the controller would do with the service now, and why."""
        return plan_view(*await self._find(name).foresee())

    async def traffic(self, names: Sequence[str] | None) -> list[ServiceTraffic]:
        """What the endpoint counted of those of the names that exist; None: of all."""
        found = await self._world.router.traffic()
        return [
            replace(found[r.service.id], keys=tuple(self._keys.all(r)))
            for r in self._controller.reconcilers
            if r.service.id in found and (names is None or r.service.name in names)
        ]

    async def metrics(self) -> bytes:
        """All that monitoring may want to know, in Prometheus' format."""
        traffics = await self.traffic(None)
        views = await self.services(None)  # after what takes time: a service may end meanwhile
        keys = {view.name: await self.keys(view.name) for view in views}
        # In a thread: of hundreds of replicas there are ten thousand lines to write, and the loop has others to serve.
        return await asyncio.to_thread(exposition, views, traffics, keys, deepcopy(self._world.tallies))

    async def events(self, name: str, *, follow: bool, tail: int | None) -> AsyncIterator[str]:
        """What the controller did with the service."""
        async for line in event_lines(self._world, self._find(name), follow=follow, tail=tail):
            yield line

    async def replica_log(self, name: str, replica_id: int, *, follow: bool, tail: int | None) -> AsyncIterator[bytes]:
        """What a replica printed, living or dead."""
        reconciler = self._find(name)
        if reconciler.replica(replica_id) is None:
            raise _no_replica(name, replica_id)
        async for chunk in replica_log(self._world, reconciler, replica_id, follow=follow, tail=tail):
            yield chunk

    async def load_balancer_log(self, name: str, *, follow: bool, tail: int | None) -> AsyncIterator[bytes]:
        """What the endpoint logged of the service's requests."""
        reconciler = self._find(name)
        path = self._world.router.access_log(reconciler.service.id)
        clock = self._world.clock
        async for chunk in growing_file(clock, path, tail=tail, follow=follow, over=lambda: reconciler.over):
            yield chunk

    async def create_key(self, name: str, key_name: str | None, limits: KeyLimits, seconds: float | None) -> NewKey:
        """Make an API key of a service."""
        return await self._keys.create(self._find(name), key_name, limits, seconds)

    async def keys(self, name: str) -> list[KeyView]:
        """The API keys of a service."""
        return self._keys.all(self._find(name))

    async def revoke_key(self, name: str, key: str) -> None:
        """Let an API key be good for nothing from now on."""
        await self._keys.revoke(self._find(name), key)

    async def check(self) -> list[CheckResult]:
        """Look at every infra, now."""
        return await self._world.fleet.check()

    async def offers(self, task: Task) -> list[Offer]:
        """What the task could run on, the first choice first."""
        return await self._intake.offers(task)

    async def shut_down(self) -> None:
        """End the controller once this has returned. Services run on."""
        self.stopping.set()

    def _find(self, name: str) -> Reconciler:
        found = next((r for r in self._controller.reconcilers if r.service.name == name), None)
        if found is None:
            guess = meant(name, [r.service.name for r in self._controller.reconcilers])
            remedy = f"{guess} See: sky serve status".strip()
            raise ServeError(ErrorKind.NOT_FOUND, f"Service {name!r} not found.", remedy)
        return found


def _no_replica(name: str, replica_id: int) -> ServeError:
    return ServeError(
        ErrorKind.NOT_FOUND, f"Service {name!r} has no replica {replica_id}.", f"See: sky serve status {name}"
    )


_ENDING_IN_WORDS = {
    Phase.DRAINING: "lets its requests finish, then it is terminated",
    Phase.TERMINATING: "is terminating already",
    Phase.GONE: "has ended",
}

_ASKED = "asked for by the user"


def _with_goal(goal: Goal) -> Callable[[Snapshot], Wish]:
    return lambda snapshot: Wish((PutService(replace(snapshot.service, goal=goal)),), _ASKED)


def _without_replica(replica_id: int) -> Callable[[Snapshot], Wish | None]:
    def wish(snapshot: Snapshot) -> Wish | None:
        """It drains, and another takes its place."""
        replica = _row(snapshot, replica_id)
        if replica is None or replica.phase in ENDING:
            return None
        return Wish((PutReplica(move(replica, Cause.USER_TERMINATED, snapshot.now, _ASKED)),), _ASKED)

    return wish


def _purged(replica_id: int) -> Callable[[Snapshot], Wish]:
    reason = "given up by the user with --purge"

    def wish(snapshot: Snapshot) -> Wish:
        """Its machine is given up where it is terminating; the row goes where it is gone."""
        replica = _row(snapshot, replica_id)
        if replica is None or replica.phase is Phase.GONE:
            return Wish((ForgetReplica(replica_id),), reason)
        return Wish((PutReplica(move(replica, Cause.PURGED, snapshot.now, reason)),), reason)

    return wish


def _row(snapshot: Snapshot, replica_id: int) -> Replica | None:
    return next((r for r in snapshot.replicas if r.id == replica_id), None)
