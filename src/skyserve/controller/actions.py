"""Carries out what a plan says about machines. Chooses nothing; tells what came of it.

One action a replica at a time, each in a task of its own so that no pass waits for a machine.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from skyserve.contracts.errors import Gone, InfraError, NoCapacity, QuotaExceeded, Unauthorized, Unsupported
from skyserve.contracts.infra import LaunchOrder
from skyserve.controller.archive import ARCHIVE_SECONDS, archive, archive_path, forget_logs
from skyserve.controller.world import World
from skyserve.model.instance import Instance
from skyserve.model.replica import Cause, Replica
from skyserve.model.service import Service, Target
from skyserve.model.snapshot import Observation, Setback

log = logging.getLogger(__name__)

RECLAIM_AGAIN_SECONDS = 10.0
"""A reclaim that was accepted is asked for again after so long, until the instance is absent."""

_SETTLED: dict[type[InfraError], Cause] = {
    NoCapacity: Cause.NO_CAPACITY,
    QuotaExceeded: Cause.QUOTA_EXCEEDED,
    Unauthorized: Cause.UNAUTHORIZED,
    Unsupported: Cause.PROVISION_FAILED,
}
"""Refusals after which it is certain that nothing was started."""


class Actions:
    """The actions under way for one service, and what those that ended came to."""

    def __init__(self, world: World, wake: Callable[[], None]) -> None:
        self._world = world
        self._wake = wake
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._reclaims: dict[str, asyncio.Task[None]] = {}
        self._reclaimed_at: dict[str, float] = {}
        self._settled_at: dict[int, float] = {}
        self._launch_ended_at: dict[int, float] = {}
        self._archived: set[int] = set()
        self.launched: dict[int, Instance] = {}
        """By replica id: instances that no row holds yet."""
        self.setbacks: dict[int, Setback] = {}
        """By replica id: failures that no row tells yet."""

    def busy(self, replica_id: int) -> bool:
        """An action on it is under way."""
        return replica_id in self._tasks

    def settled_at(self, replica_id: int) -> float:
        """When the last action on it ended."""
        return self._settled_at.get(replica_id, 0.0)

    def launch_ended_at(self, replica_id: int) -> float:
        """When its last launch ended: only what is seen later counts as its outcome."""
        return self._launch_ended_at.get(replica_id, 0.0)

    def told(self, seen: Mapping[int, Observation]) -> None:
        """The rows hold what had come of the actions when they were seen; what came since is yet to be told."""
        for replica_id, observation in seen.items():
            if self.launched.get(replica_id) is observation.launched:
                self.launched.pop(replica_id, None)
            if self.setbacks.get(replica_id) is observation.setback:
                self.setbacks.pop(replica_id, None)

    def forget(self, service: Service, replica_id: int) -> None:
        """The replica's row is removed; nobody can ask for its logs any more."""
        forget_logs(self._world.home, service.id, replica_id)
        for told in (self._settled_at, self._launch_ended_at, self.launched, self.setbacks):
            told.pop(replica_id, None)
        self._archived.discard(replica_id)

    def launch(self, service: Service, target: Target, replica: Replica) -> None:
        """Begin to launch a replica's machine."""
        order = LaunchOrder(
            owner=self._world.owner,
            service=service.name,
            replica_id=replica.id,
            offer=replica.offer,
            num_nodes=target.num_nodes,
            ports=(target.port,),
        )
        self._begin(replica.id, self._launch(order, replica))

    def terminate(self, service: Service, replica: Replica) -> None:
        """Begin to give a replica's machine back."""
        self._begin(replica.id, self._terminate(service, replica))

    def reclaiming(self, instance: Instance) -> bool:
        """It is being terminated, or was a moment ago."""
        since = self._world.clock.now() - self._reclaimed_at.get(instance.id, 0.0)
        return instance.id in self._reclaims or since < RECLAIM_AGAIN_SECONDS

    def reclaim(self, instance: Instance) -> None:
        """Begin to terminate an instance that nobody asked for."""
        task = asyncio.create_task(self._reclaim(instance))
        self._reclaims[instance.id] = task
        task.add_done_callback(lambda _: self._reclaims.pop(instance.id, None))

    def _begin(self, replica_id: int, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks[replica_id] = task
        task.add_done_callback(lambda done: self._end(replica_id, done))

    def _end(self, replica_id: int, task: asyncio.Task[None]) -> None:
        del self._tasks[replica_id]
        if task.cancelled():
            return
        if error := task.exception():
            log.error("an action on replica %s failed unexpectedly", replica_id, exc_info=error)
            self.setbacks[replica_id] = Setback(None, f"internal error: {error}")
        self._settled_at[replica_id] = self._world.clock.now()
        self._world.fleet.look_soon()
        self._wake()

    async def _launch(self, order: LaunchOrder, replica: Replica) -> None:
        try:
            infra = self._world.fleet.infra(replica.offer.place.infra)
            self.launched[replica.id] = await infra.launch(order, token=replica.token)
        except InfraError as error:
            self.setbacks[replica.id] = Setback(_SETTLED.get(type(error)), str(error))
        finally:
            self._launch_ended_at[replica.id] = self._world.clock.now()

    async def _terminate(self, service: Service, replica: Replica) -> None:
        fleet = self._world.fleet
        place = replica.offer.place
        instance = fleet.instance(place.infra, replica.token) or replica.instance
        if instance is None:
            return
        if not fleet.covers(place):
            self.setbacks[replica.id] = Setback(
                None, f"{place} is not configured any more; put it back, or use --purge"
            )
            return
        if replica.id not in self._archived:
            self._archived.add(replica.id)
            await self._save_logs(service, replica, instance)
        try:
            await fleet.infra(place.infra).terminate(instance)
        except Gone:
            return
        except InfraError as error:
            self.setbacks[replica.id] = Setback(None, str(error))

    async def _save_logs(self, service: Service, replica: Replica, instance: Instance) -> None:
        try:
            infra = self._world.fleet.infra(replica.offer.place.infra)
            async with asyncio.timeout(ARCHIVE_SECONDS):
                await archive(archive_path(self._world.home, service.id, replica.id), infra, instance)
        except (InfraError, TimeoutError, OSError) as error:
            log.warning("logs of replica %s of %s are not saved: %s", replica.id, service.name, error)

    async def _reclaim(self, instance: Instance) -> None:
        try:
            await self._world.fleet.infra(instance.place.infra).terminate(instance)
        except InfraError as error:
            log.warning("%s at %s is not reclaimed yet: %s", instance.id, instance.place, error)
        self._reclaimed_at[instance.id] = self._world.clock.now()
        self._world.fleet.look_soon()

    async def close(self) -> None:
        """Let go of what is under way; the next controller goes on with it."""
        tasks = [*self._tasks.values(), *self._reclaims.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
