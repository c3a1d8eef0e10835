"""How far the user's task has come on each replica of one service: one driver a replica."""

import asyncio
import logging
from collections.abc import Callable, Set

from skyserve.contracts.store import Record
from skyserve.controller.driving import TaskDriver, Work, scripts
from skyserve.controller.environment import run_environment, setup_environment, user_variables
from skyserve.controller.world import World
from skyserve.model.replica import Replica
from skyserve.model.service import Target
from skyserve.model.snapshot import Stage, TaskStatus
from skyserve.spec.task import Task

log = logging.getLogger(__name__)


class TaskBoard:
    """The drivers, and what each last told."""

    def __init__(self, world: World, wake: Callable[[], None]) -> None:
        self._world = world
        self._wake = wake
        self._drivers: dict[int, asyncio.Task[None]] = {}
        self._statuses: dict[int, TaskStatus] = {}

    def status(self, replica_id: int) -> TaskStatus | None:
        """None: nobody drives it."""
        return self._statuses.get(replica_id)

    def begin(self, record: Record, replica: Replica, document: Task, target: Target) -> None:
        """Drive the replica's task from wherever it stands. Does nothing if it is driven already."""
        instance = replica.instance
        if replica.id in self._drivers or instance is None:
            return
        ranks = sorted(node.rank for node in instance.nodes) or [0]
        own = user_variables(document)
        about = (record.service, replica, target, instance)
        user = self._world.user
        version = next(v for v in record.versions if v.number == replica.version)
        work = Work(
            files=version.trees,
            label=str(replica.renewals),
            setup=scripts(document.setup, [{**setup_environment(*about, rank, user), **own} for rank in ranks]),
            run=scripts(document.run, [{**run_environment(*about, rank, user), **own} for rank in ranks]),
        )
        infra = self._world.fleet.infra(replica.offer.place.infra)
        shells = [infra.shell(instance, rank) for rank in ranks]
        driver = TaskDriver(
            work, shells, self._world.content, self._world.clock, lambda status: self._tell(replica.id, status)
        )
        task = asyncio.create_task(driver.drive())
        task.add_done_callback(lambda done: self._ended(replica.id, done))
        self._drivers[replica.id] = task
        self._statuses[replica.id] = TaskStatus(Stage.FILES)

    def _tell(self, replica_id: int, status: TaskStatus) -> None:
        self._statuses[replica_id] = status
        self._wake()

    def _ended(self, replica_id: int, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("the task of replica %s is not driven any more", replica_id, exc_info=error)
            self._drivers.pop(replica_id, None)
            self._statuses.pop(replica_id, None)

    def stop(self, replica_id: int) -> None:
        """The replica's machine goes."""
        if driver := self._drivers.pop(replica_id, None):
            driver.cancel()
        self._statuses.pop(replica_id, None)

    def keep(self, replica_ids: Set[int]) -> None:
        """Drive no others than these."""
        for replica_id in self._drivers.keys() - replica_ids:
            self.stop(replica_id)

    async def close(self) -> None:
        """Stop watching; the tasks run on."""
        drivers = list(self._drivers.values())
        self.keep(frozenset())
        await asyncio.gather(*drivers, return_exceptions=True)
