"""A controller without replicas, for tests of what stands in front of the real one."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from skyserve.api.examples import CHECK, OFFER, PLAN, SERVICE
from skyserve.contracts.errors import NameTaken
from skyserve.contracts.infra import CheckResult
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.resources import Offer
from skyserve.model.view import DownResult, PlanView, ServiceStatus, ServiceView, Skipped
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
        return [view for name, view in sorted(self.views.items()) if names is None or name in names]

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
