"""The Python client: every operation of the controller as a typed method."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from skyserve.client import calls, unix_http
from skyserve.client.calls import Call, Target, here
from skyserve.client.launcher import Launcher
from skyserve.contracts.infra import CheckResult
from skyserve.model.home import Home
from skyserve.model.key import KeyLimits
from skyserve.model.resources import Offer
from skyserve.model.rollout import UpdateMode
from skyserve.model.traffic import ServiceTraffic
from skyserve.model.view import DownResult, Health, KeyView, NewKey, PlanView, ServiceView, UpdatePreview, VersionView

if TYPE_CHECKING:
    from skyserve.spec.task import Task

T = TypeVar("T")


class Client:
    """Talks to the controller of one installation, and starts it where it is needed and does not run.

    Every method raises ServeError. Safe to use from several threads: each call has its own connection.
    """

    def __init__(self, home: Home | None = None, *, autostart: bool = True, launcher: Launcher | None = None) -> None:
        """`home`: the installation, by default that of the environment. Without `autostart`, a controller that does
        not run is an error (NotRunning)."""
        self.home = home or Home.of(os.environ)
        self.launcher = launcher or Launcher(self.home)
        self._autostart = autostart

    def dormant(self) -> bool:
        """Whether there is nothing to ask about: no controller runs, and none has left services behind."""
        return not self.home.database.exists() and self.launcher.health() is None

    def up(self, task: "Task", name: str | None = None, *, base: Path | None = None) -> ServiceView:
        """Start a service; returns once it is recorded. Without a name one is made up. Relative paths of the task are
        resolved against `base`, by default the current directory."""
        return self._send(calls.up(task, name, here(base)))

    def preview_update(self, task: "Task", name: str, *, base: Path | None = None) -> UpdatePreview:
        """What `update` would change. Records nothing."""
        return self._send(calls.preview_update(task, name, here(base)))

    def update(
        self, task: "Task", name: str, mode: UpdateMode | None = None, *, base: Path | None = None
    ) -> ServiceView:
        """Give a service a new version, brought in by this mode or else as the task says; returns once it is
        recorded. Relative paths as in `up`."""
        return self._send(calls.update(task, name, here(base), mode))

    def preview_rollback(self, name: str, to: int | None = None) -> UpdatePreview:
        """What `rollback` would change. Records nothing."""
        return self._send(calls.preview_rollback(name, to))

    def rollback(self, name: str, to: int | None = None) -> ServiceView:
        """Give a service a new version that is what version `to` was; None: the one before."""
        return self._send(calls.rollback(name, to))

    def history(self, name: str) -> list[VersionView]:
        """The versions of a service that are remembered, ascending."""
        return self._send(calls.history(name))

    def pause(self, name: str) -> ServiceView:
        """Hold an update under way where it stands."""
        return self._send(calls.pause(name))

    def resume(self, name: str) -> ServiceView:
        """Go on with an update that is held."""
        return self._send(calls.resume(name))

    def status(self, names: Sequence[str] | None = None) -> list[ServiceView]:
        """Those of the names that exist (None: all), ascending by name. Starts no controller to say that there are
        none."""
        if (names is not None and not names) or self.dormant():
            return []
        return self._send(calls.services(names))

    def down(self, names: Sequence[str] | None, *, purge: bool = False) -> DownResult:
        """Have services terminated, by names or patterns; None: all. Returns once that is recorded."""
        if (names is not None and not names) or self.dormant():
            return DownResult(scheduled=[], skipped=[], missing=list(names or ()))
        return self._send(calls.down(names, purge))

    def terminate_replica(self, name: str, replica_id: int, *, purge: bool = False) -> None:
        """Have one replica terminated; another takes its place."""
        self._send(calls.terminate_replica(name, replica_id, purge))

    def plan(self, name: str) -> PlanView:
        """What the controller would do with a service now, and why."""
        return self._send(calls.plan(name))

    def create_key(
        self, name: str, key_name: str | None, limits: KeyLimits, *, expires_in: float | None = None
    ) -> NewKey:
        """Make an API key of a service, good for so many seconds (None: for ever). Without a name one is made up. The
        key itself is told this once."""
        return self._send(calls.create_key(name, key_name, limits, expires_in))

    def keys(self, name: str) -> list[KeyView]:
        """The API keys of a service, without the keys themselves."""
        return self._send(calls.keys(name))

    def revoke_key(self, name: str, key: str) -> None:
        """Let an API key, named by its name or id, be good for nothing from now on."""
        self._send(calls.revoke_key(name, key))

    def traffic(self, names: Sequence[str] | None = None) -> list[ServiceTraffic]:
        """What the endpoint counted so far of those of the names that exist (None: of all), ascending by name. One of
        which it cannot tell is left out."""
        if (names is not None and not names) or self.dormant():
            return []
        return self._send(calls.traffic(names))

    def logs(self, name: str, target: Target, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        """The log of a replica (its id), of the `controller` or of the `load_balancer`, from the beginning or its last
        `tail` lines; with `follow`, until it ends. Closing the iterator hangs up."""
        call = calls.logs(name, target, follow, tail)
        self._reach()
        yield from unix_http.stream(self.home.api_socket, call)

    def check(self, *, refresh: bool = True) -> list[CheckResult]:
        """Which infras can be used. Without `refresh`, what the controller found when it last looked will do."""
        return self._send(calls.infras(refresh))

    def offers(self, task: "Task") -> list[Offer]:
        """What a task could run on, the first choice first; empty: nowhere."""
        return self._send(calls.offers(task))

    def health(self) -> Health | None:
        """Who answers as the controller; None if nobody does."""
        return self.launcher.health()

    def start_controller(self) -> Health:
        """Start the controller if it does not run."""
        return self.launcher.ensure()

    def stop_controller(self) -> None:
        """End the controller. Services run on, and the next client starts it again. Raises NotRunning."""
        self.launcher.stop()

    def _send(self, call: Call[T]) -> T:
        self._reach()
        return unix_http.send(self.home.api_socket, call)

    def _reach(self) -> None:
        # Asked before every call, since the controller ends by itself when it has nothing to do.
        if self._autostart:
            self.launcher.ensure()
        else:
            self.launcher.require()
