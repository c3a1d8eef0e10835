"""A service under load in an installation of its own, and what it feels when something dies."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import skyserve
from bench.load import Report, SteadyLoad
from bench.processes import all_in
from skyserve.model.home import Home
from skyserve.model.view import VersionView

HELLO = Path(__file__).parent.parent / "examples" / "hello" / "service.yaml"
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.2


async def until(what: Callable[[], Awaitable[bool]]) -> float:
    """Seconds until it holds. Raises TimeoutError."""
    began = time.monotonic()
    while not await what():
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise TimeoutError(f"not within {PATIENCE_SECONDS:g} s: {what.__name__}")
        await asyncio.sleep(LOOK_SECONDS)
    return time.monotonic() - began


@dataclass(frozen=True, slots=True)
class Death:
    """What one kill came to."""

    what: str
    back_after: float
    """Seconds until all was as before."""
    failed: int
    """Requests due between this kill and the next that were not answered with 200."""

    def __str__(self) -> str:
        return f"{self.what}: as before after {self.back_after:.1f} s, {self.failed} requests failed"


class Served:
    """One service of one installation, as a program sees it."""

    def __init__(self, home: Home, file: Path = HELLO) -> None:
        """`file`: its YAML."""
        self.home = home
        self._file = file
        self._client = skyserve.Client(home)

    async def up(self, infra: str | None = None) -> float:
        """Start it and wait for all replicas; seconds until the first was READY."""
        task = skyserve.load_task(self._file)
        if infra is not None:
            requests = task.resources.model_copy(update={"infra": infra})
            task = task.model_copy(update={"resources": requests})
        began = time.monotonic()
        await asyncio.to_thread(self._client.up, task, "hello", base=self._file.parent)
        await until(self.has_ready)
        first = time.monotonic() - began
        await until(self.is_whole)
        return first

    async def update(self, file: Path, mode: skyserve.UpdateMode) -> float:
        """Bring in another YAML; seconds until nothing is left to be done about it."""
        await asyncio.to_thread(self._client.update, skyserve.load_task(file), "hello", mode, base=file.parent)
        return await until(self.is_settled)

    async def history(self) -> list[VersionView]:
        """Its versions."""
        return await asyncio.to_thread(self._client.history, "hello")

    async def is_settled(self) -> bool:
        """No update is under way, and each replica but those that failed is ready."""
        view = await self.view()
        return view.rollout is None and view.total_replicas == view.ready_replicas == view.target_replicas

    async def view(self) -> skyserve.ServiceView:
        """As it is now. Starts the controller if it does not run."""
        (view,) = await asyncio.to_thread(self._client.status, ["hello"])
        return view

    async def ready(self) -> list[skyserve.ReplicaView]:
        """The replicas that are READY."""
        return [r for r in (await self.view()).replicas if r.status is skyserve.ReplicaStatus.READY]

    async def has_ready(self) -> bool:
        """At least one replica is READY."""
        return bool(await self.ready())

    async def is_whole(self) -> bool:
        """As many replicas are READY as are wanted."""
        view = await self.view()
        return view.ready_replicas == view.target_replicas

    async def under_load(
        self, rate: float, seconds: float, deaths: Sequence[tuple[str, Callable[[], Awaitable[float]]]]
    ) -> tuple[list[Death], Report]:
        """Let the deaths happen, evenly spread over the load. Each returns its seconds until all was as before."""
        load = SteadyLoad((await self.view()).endpoint, rate)
        running = asyncio.create_task(load.run(seconds))
        marks: list[tuple[float, str, float]] = []
        for number, (what, die) in enumerate(deaths, 1):
            await asyncio.sleep(max(0.0, number * seconds / (len(deaths) + 1) - load.now()))
            marks.append((load.now(), what, await die()))
        report = await running
        ends = [at for at, _, _ in marks[1:]] + [float("inf")]
        return [
            Death(what, back, len(report.failed(since=at, until=end)))
            for (at, what, back), end in zip(marks, ends, strict=True)
        ], report

    async def clear(self) -> float:
        """Take everything down; seconds until nothing is left."""
        await asyncio.to_thread(self._client.down, None)

        async def empty() -> bool:
            return not await asyncio.to_thread(self._client.status)

        gone = await until(empty)
        await asyncio.to_thread(self._client.stop_controller)

        async def quiet() -> bool:
            return not all_in(self.home)

        return gone + await until(quiet)
