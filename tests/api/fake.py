"""A controller without replicas, for tests of what stands in front of the real one."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from skyserve.api.examples import CHECK, HISTORY, KEY, NEW_KEY, OFFER, PLAN, PREVIEW, SERVICE, TRAFFIC, UPDATING
from skyserve.contracts.errors import NameTaken
from skyserve.contracts.infra import CheckResult
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.key import KeyLimits
from skyserve.model.resources import Offer
from skyserve.model.rollout import UpdateMode
from skyserve.model.traffic import ServiceTraffic
from skyserve.model.view import (
    DownResult,
    KeyView,
    NewKey,
    PlanView,
    RolloutView,
    ServiceStatus,
    ServiceView,
    Skipped,
    UpdatePreview,
    VersionView,
)
from skyserve.spec.task import Task


@dataclass
class FakeOperations:
    """Keeps services in memory. What tests look at and change is public."""

    views: dict[str, ServiceView] = field(default_factory=lambda: {"web": SERVICE})
    ups: list[tuple[Task, str | None, Path]] = field(default_factory=list)
    downs: list[tuple[Sequence[str] | None, bool]] = field(default_factory=list)
    terminated: list[tuple[str, int, bool]] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=lambda: [CHECK])
    checked: int = 0
    available: list[Offer] = field(default_factory=lambda: [OFFER])
    statuses: list[ServiceStatus] = field(default_factory=list)
    """What later looks at the services show, one look each; the last one stays."""
    updates: list[tuple[Task, str, Path, UpdateMode | None]] = field(default_factory=list)
    rollbacks: list[tuple[str, int | None]] = field(default_factory=list)
    held: list[tuple[str, bool]] = field(default_factory=list)
    """(name, True for pause and False for resume)"""
    previewed: UpdatePreview = PREVIEW
    rollouts: list[RolloutView | None] = field(default_factory=list)
    """What later looks at services that are updated show, one look each; the last one stays."""
    versions: list[VersionView] = field(default_factory=lambda: HISTORY)
    made_keys: list[tuple[str, str | None, KeyLimits, float | None]] = field(default_factory=list)
    new_key: NewKey = NEW_KEY
    key_list: list[KeyView] = field(default_factory=lambda: [KEY])
    traffics: list[list[ServiceTraffic]] = field(default_factory=lambda: [[TRAFFIC]])
    """What later looks at the traffic show, one look each; the last one stays."""
    fault: Exception | None = None
    """Raised by `services`, once."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a log that was followed is closed."""

    async def up(self, task: Task, name: str | None, base: Path) -> ServiceView:
        self.ups.append((task, name, base))
        chosen = name or "sky-service-1a2b"
        if chosen in self.views:
            raise NameTaken(f"Service '{chosen}' exists.")
        self.views[chosen] = replace(SERVICE, name=chosen, status=ServiceStatus.REPLICA_INIT, replicas=[])
        return self.views[chosen]

    async def services(self, names: Sequence[str] | None) -> list[ServiceView]:
        if self.fault:
            fault, self.fault = self.fault, None
            raise fault
        if self.statuses:
            status = self.statuses[0] if len(self.statuses) == 1 else self.statuses.pop(0)
            self.views = {name: replace(view, status=status) for name, view in self.views.items()}
        if self.rollouts:
            rollout = self.rollouts[0] if len(self.rollouts) == 1 else self.rollouts.pop(0)
            self.views = {n: replace(v, rollout=v.rollout and rollout) for n, v in self.views.items()}
        return [view for name, view in sorted(self.views.items()) if names is None or name in names]

    async def preview_update(self, task: Task, name: str, base: Path) -> UpdatePreview:
        self._service(name)
        return replace(self.previewed, service=name)

    async def update(self, task: Task, name: str, base: Path, mode: UpdateMode | None) -> ServiceView:
        self._service(name)
        self.updates.append((task, name, base, mode))
        return self._show_update(name)

    async def preview_rollback(self, name: str, to: int | None) -> UpdatePreview:
        self._version(name, to)
        return replace(self.previewed, service=name, to=to or 1)

    async def rollback(self, name: str, to: int | None) -> ServiceView:
        self._version(name, to)
        self.rollbacks.append((name, to))
        return self._show_update(name)

    async def history(self, name: str) -> list[VersionView]:
        self._service(name)
        return self.versions

    async def pause(self, name: str) -> ServiceView:
        return self._hold(name, True)

    async def resume(self, name: str) -> ServiceView:
        return self._hold(name, False)

    def _hold(self, name: str, held: bool) -> ServiceView:
        rollout = self._service(name).rollout
        if rollout is None:
            raise ServeError(ErrorKind.CONFLICT, f"No update of service '{name}' is under way.")
        self.held.append((name, held))
        self.views[name] = replace(self.views[name], rollout=replace(rollout, paused=held))
        return self.views[name]

    def _show_update(self, name: str) -> ServiceView:
        self.views[name] = replace(UPDATING, name=name)
        return self.views[name]

    def _version(self, name: str, to: int | None) -> None:
        self._service(name)
        if to is not None and to not in {version.version for version in self.versions}:
            raise ServeError(
                ErrorKind.NOT_FOUND, f"Service '{name}' has no version {to}.", f"See: sky serve history {name}"
            )

    async def down(self, names: Sequence[str] | None, purge: bool) -> DownResult:
        self.downs.append((names, purge))
        result = DownResult(scheduled=[], skipped=[], missing=[])
        for pattern in ["*"] if names is None else names:
            chosen = [name for name in self.views if fnmatchcase(name, pattern)]
            if not chosen and names is not None:
                result.missing.append(pattern)
            for name in chosen:
                if self.views[name].status is ServiceStatus.FAILED_CLEANUP and not purge:
                    result.skipped.append(Skipped(name, "is in failed status (FAILED_CLEANUP)"))
                elif self.views[name].status is ServiceStatus.SHUTTING_DOWN:
                    result.skipped.append(Skipped(name, "it is going down already"))
                else:
                    result.scheduled.append(name)
                    del self.views[name]
        return result

    async def terminate_replica(self, name: str, replica_id: int, purge: bool) -> None:
        self._replica(name, replica_id)
        self.terminated.append((name, replica_id, purge))

    async def plan(self, name: str) -> PlanView:
        self._service(name)
        return replace(PLAN, service=name)

    async def create_key(self, name: str, key_name: str | None, limits: KeyLimits, seconds: float | None) -> NewKey:
        self._service(name)
        self.made_keys.append((name, key_name, limits, seconds))
        return self.new_key

    async def keys(self, name: str) -> list[KeyView]:
        self._service(name)
        return self.key_list

    async def revoke_key(self, name: str, key: str) -> None:
        self._service(name)
        if key not in {known for view in self.key_list for known in (view.name, str(view.key_id))}:
            raise ServeError(ErrorKind.NOT_FOUND, f"Service '{name}' has no API key '{key}'.")
        self.key_list = []

    async def traffic(self, names: Sequence[str] | None) -> list[ServiceTraffic]:
        counted = self.traffics[0] if len(self.traffics) == 1 else self.traffics.pop(0)
        return [traffic for traffic in counted if names is None or traffic.service in names]

    async def metrics(self) -> bytes:
        return b"skyserve_build_info 1\n"

    async def events(self, name: str, *, follow: bool, tail: int | None) -> AsyncGenerator[str, None]:
        self._service(name)
        lines = ["launch replica 1: 0 of 1 alive", "ready replica 1: probe passed"]
        for line in lines if tail is None else lines[len(lines) - tail :]:
            yield line

    async def replica_log(
        self, name: str, replica_id: int, *, follow: bool, tail: int | None
    ) -> AsyncGenerator[bytes, None]:
        self._replica(name, replica_id)
        try:
            yield b"line 1\nline \xff2\n"
            if follow:
                await asyncio.Event().wait()
        finally:
            self.hung_up.set()

    async def load_balancer_log(self, name: str, *, follow: bool, tail: int | None) -> AsyncGenerator[bytes, None]:
        self._service(name)
        yield b"GET / 200\n"
        raise RuntimeError("the disk is on fire")

    async def check(self) -> list[CheckResult]:
        self.checked += 1
        return self.checks

    async def offers(self, task: Task) -> list[Offer]:
        return self.available

    async def shut_down(self) -> None:
        self.ended.set()

    def _service(self, name: str) -> ServiceView:
        if name not in self.views:
            raise ServeError(ErrorKind.NOT_FOUND, f"Service '{name}' not found.", "See: sky serve status")
        return self.views[name]

    def _replica(self, name: str, replica_id: int) -> None:
        if replica_id not in {replica.replica_id for replica in self._service(name).replicas}:
            raise ServeError(ErrorKind.NOT_FOUND, f"Service '{name}' has no replica {replica_id}.")
