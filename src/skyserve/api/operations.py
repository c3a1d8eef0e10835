"""What the REST API needs from the controller: one method an operation that a user can ask for."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

from skyserve.contracts.infra import CheckResult
from skyserve.model.key import KeyLimits
from skyserve.model.resources import Offer
from skyserve.model.rollout import UpdateMode
from skyserve.model.traffic import ServiceTraffic
from skyserve.model.view import DownResult, KeyView, NewKey, PlanView, ServiceView, UpdatePreview, VersionView
from skyserve.spec.task import Task


class Operations(Protocol):
    """The controller, as the API sees it.

    Methods raise ServeError for what the user can put right. The API also knows NameTaken, SpecError,
    FileNotFoundError, PermissionError and the InfraErrors, and tells them as ServeErrors. Anything else is a fault.

    Logs are async generators: they raise at their first step if there is no such service or replica, and are closed
    as soon as nobody reads them any more.
    """

    async def up(self, task: Task, name: str | None, base: Path) -> ServiceView:
        """Record a new service; its replicas come later. Without a name one is made up. Relative paths of the task
        (workdir, file_mounts) are resolved against `base`. Raises NameTaken, SpecError, FileNotFoundError."""
        ...

    async def services(self, names: Sequence[str] | None) -> list[ServiceView]:
        """Those of the names that exist (None: all), ascending by name."""
        ...

    async def preview_update(self, task: Task, name: str, base: Path) -> UpdatePreview:
        """What `update` would change. Nothing is recorded. Raises as `update` does."""
        ...

    async def update(self, task: Task, name: str, base: Path, mode: UpdateMode | None) -> ServiceView:
        """Record a new version of a service; replicas of it take over later, in this mode or else in that of the task.
        The name of the service stays, whatever that of the task. Raises SpecError, FileNotFoundError."""
        ...

    async def preview_rollback(self, name: str, to: int | None) -> UpdatePreview:
        """What `rollback` would change. Raises as `rollback` does."""
        ...

    async def rollback(self, name: str, to: int | None) -> ServiceView:
        """Record a version that is what version `to` was; None: the one that an update under way replaces, else the
        last that was wanted before this one."""
        ...

    async def history(self, name: str) -> list[VersionView]:
        """The versions that are remembered, ascending."""
        ...

    async def pause(self, name: str) -> ServiceView:
        """Hold the update under way where it stands. A second time changes nothing."""
        ...

    async def resume(self, name: str) -> ServiceView:
        """Go on with an update that is held. A second time changes nothing."""
        ...

    async def down(self, names: Sequence[str] | None, purge: bool) -> DownResult:
        """Have services terminated, then forgotten. Names may be patterns (`web-*`); None: all."""
        ...

    async def terminate_replica(self, name: str, replica_id: int, purge: bool) -> None:
        """Have one replica terminated; another takes its place."""
        ...

    async def plan(self, name: str) -> PlanView:
        """What the controller would do with the service now, and why."""
        ...

    async def traffic(self, names: Sequence[str] | None) -> list[ServiceTraffic]:
        """What the endpoint counted of those services that exist (None: all), ascending by name. One of which it cannot
        tell is left out."""
        ...

    async def metrics(self) -> bytes:
        """All that monitoring may want to know, in Prometheus' text format."""
        ...

    def events(self, name: str, *, follow: bool, tail: int | None) -> AsyncIterator[str]:
        """What the controller did with the service, one line an event, without line ends."""
        ...

    def replica_log(self, name: str, replica_id: int, *, follow: bool, tail: int | None) -> AsyncIterator[bytes]:
        """What a replica printed, living or dead."""
        ...

    def load_balancer_log(self, name: str, *, follow: bool, tail: int | None) -> AsyncIterator[bytes]:
        """What the endpoint logged of the service's requests."""
        ...

    async def create_key(self, name: str, key_name: str | None, limits: KeyLimits, seconds: float | None) -> NewKey:
        """Make an API key of a service, good for so many seconds (None: for ever). Without a name one is made up."""
        ...

    async def keys(self, name: str) -> list[KeyView]:
        """The API keys of a service, ascending by id."""
        ...

    async def revoke_key(self, name: str, key: str) -> None:
        """Let an API key, named by its name or id, be good for nothing from now on."""
        ...

    async def check(self) -> list[CheckResult]:
        """Look at every infra, now."""
        ...

    async def offers(self, task: Task) -> list[Offer]:
        """What the task could run on, the first choice first; empty: nowhere."""
        ...

    async def shut_down(self) -> None:
        """End the controller once this has returned. Services run on."""
        ...
