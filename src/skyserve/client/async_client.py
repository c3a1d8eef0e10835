"""The Python client for asyncio: the same operations; cancelling one hangs up."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import httpx

from skyserve.client import calls
from skyserve.client.answers import error_of, result_of
from skyserve.client.calls import Call, Target, here
from skyserve.client.launcher import Launcher
from skyserve.client.unix_http import CutOff, NotRunning, stuck
from skyserve.contracts.infra import CheckResult
from skyserve.model.home import Home
from skyserve.model.key import KeyLimits
from skyserve.model.resources import Offer
from skyserve.model.rollout import UpdateMode
from skyserve.model.traffic import ServiceTraffic
from skyserve.model.view import DownResult, KeyView, NewKey, PlanView, ServiceView, UpdatePreview, VersionView

if TYPE_CHECKING:
    from skyserve.spec.task import Task

T = TypeVar("T")


class AsyncClient:
    """As Client, for asyncio. Every method raises ServeError."""

    def __init__(self, home: Home | None = None, *, autostart: bool = True, launcher: Launcher | None = None) -> None:
        """As Client."""
        self.home = home or Home.of(os.environ)
        self.launcher = launcher or Launcher(self.home)
        self._autostart = autostart

    async def dormant(self) -> bool:
        """As Client.dormant."""
        return not self.home.database.exists() and await asyncio.to_thread(self.launcher.health) is None

    async def up(self, task: "Task", name: str | None = None, *, base: Path | None = None) -> ServiceView:
        """As Client.up."""
        return await self._send(calls.up(task, name, here(base)))

    async def preview_update(self, task: "Task", name: str, *, base: Path | None = None) -> UpdatePreview:
        """As Client.preview_update."""
        return await self._send(calls.preview_update(task, name, here(base)))

    async def update(
        self, task: "Task", name: str, mode: UpdateMode | None = None, *, base: Path | None = None
    ) -> ServiceView:
        """As Client.update."""
        return await self._send(calls.update(task, name, here(base), mode))

    async def preview_rollback(self, name: str, to: int | None = None) -> UpdatePreview:
        """As Client.preview_rollback."""
        return await self._send(calls.preview_rollback(name, to))

    async def rollback(self, name: str, to: int | None = None) -> ServiceView:
        """As Client.rollback."""
        return await self._send(calls.rollback(name, to))

    async def history(self, name: str) -> list[VersionView]:
        """As Client.history."""
        return await self._send(calls.history(name))

    async def pause(self, name: str) -> ServiceView:
        """As Client.pause."""
        return await self._send(calls.pause(name))

    async def resume(self, name: str) -> ServiceView:
        """As Client.resume."""
        return await self._send(calls.resume(name))

    async def status(self, names: Sequence[str] | None = None) -> list[ServiceView]:
        """As Client.status."""
        if (names is not None and not names) or await self.dormant():
            return []
        return await self._send(calls.services(names))

    async def down(self, names: Sequence[str] | None, *, purge: bool = False) -> DownResult:
        """As Client.down."""
        if (names is not None and not names) or await self.dormant():
            return DownResult(scheduled=[], skipped=[], missing=list(names or ()))
        return await self._send(calls.down(names, purge))

    async def terminate_replica(self, name: str, replica_id: int, *, purge: bool = False) -> None:
        """As Client.terminate_replica."""
        await self._send(calls.terminate_replica(name, replica_id, purge))

    async def plan(self, name: str) -> PlanView:
        """As Client.plan."""
        return await self._send(calls.plan(name))

    async def create_key(
        self, name: str, key_name: str | None, limits: KeyLimits, *, expires_in: float | None = None
    ) -> NewKey:
        """As Client.create_key."""
        return await self._send(calls.create_key(name, key_name, limits, expires_in))

    async def keys(self, name: str) -> list[KeyView]:
        """As Client.keys."""
        return await self._send(calls.keys(name))

    async def revoke_key(self, name: str, key: str) -> None:
        """As Client.revoke_key."""
        await self._send(calls.revoke_key(name, key))

    async def traffic(self, names: Sequence[str] | None = None) -> list[ServiceTraffic]:
        """As Client.traffic."""
        if (names is not None and not names) or await self.dormant():
            return []
        return await self._send(calls.traffic(names))

    async def logs(
        self, name: str, target: Target, *, follow: bool = False, tail: int | None = None
    ) -> AsyncIterator[bytes]:
        """As Client.logs."""
        call = calls.logs(name, target, follow, tail)
        await self._reach()
        try:
            async with self._http(call) as http, http.stream(call.method, call.target) as response:
                if response.status_code >= 400:
                    raise error_of(response.status_code, await response.aread())
                async for chunk in response.aiter_bytes():
                    yield chunk
        except httpx.ConnectError:
            raise NotRunning from None
        except httpx.TransportError:
            raise CutOff(self.home.api_socket) from None

    async def check(self, *, refresh: bool = True) -> list[CheckResult]:
        """As Client.check."""
        return await self._send(calls.infras(refresh))

    async def offers(self, task: "Task") -> list[Offer]:
        """As Client.offers."""
        return await self._send(calls.offers(task))

    async def _send(self, call: Call[T]) -> T:
        await self._reach()
        body = None if call.body is None else json.dumps(call.body)
        try:
            async with self._http(call) as http:
                response = await http.request(call.method, call.target, content=body, headers=calls.HEADERS)
            return result_of(call, response.status_code, response.content)
        except httpx.ConnectError:
            raise NotRunning from None
        except httpx.TimeoutException:
            raise stuck(call.timeout) from None
        except httpx.TransportError:
            raise CutOff(self.home.api_socket) from None

    async def _reach(self) -> None:
        # Starting a controller is a matter of processes and polling, rare and short: a thread does it.
        await asyncio.to_thread(self.launcher.ensure if self._autostart else self.launcher.require)

    def _http(self, call: Call[T]) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(uds=str(self.home.api_socket))
        return httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=call.timeout)
