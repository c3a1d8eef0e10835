"""How far the user's task has come on each replica of one service: one driver a replica."""

import asyncio
import logging
from collections.abc import Callable, Set
from dataclasses import dataclass

from skyserve.contracts.store import Record
from skyserve.controller.driving import TaskDriver, Work, scripts
from skyserve.controller.environment import run_environment, setup_environment, user_variables
from skyserve.controller.former_logs import save_former
from skyserve.controller.world import World
from skyserve.model.instance import Instance
from skyserve.model.replica import Replica
from skyserve.model.service import Target
from skyserve.model.snapshot import Stage, TaskStatus
from skyserve.spec.task import Task

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Driven:
    """One run of a replica's task."""

    renewals: int
    """How often the replica had been restarted in place when this run was begun."""
    driver: asyncio.Task[None]
    status: TaskStatus
    failure: TaskStatus | None = None
    """How it ended, if it failed."""
    failed_at: float = 0.0


class TaskBoard:
    """The drivers, and what each last told. A replica whose row was renewed since has none: its present run is yet to
    be begun, and what the one before still tells is told to nobody.

    A task may fail since its machine is taken away, which its infra knows: no failure is told before the infra has said
    once more what it runs.
    """

    def __init__(self, world: World, wake: Callable[[], None]) -> None:
        self._world = world
        self._wake = wake
        self._driven: dict[int, _Driven] = {}

    def status(self, replica: Replica) -> TaskStatus | None:
        """Of its present run. None: nobody drives it."""
        driven = self._of(replica)
        if driven is None:
            return None
        known = self._world.fleet.asked_since(replica.offer.place.infra, driven.failed_at)
        return driven.failure if driven.failure is not None and known else driven.status

    def begin(self, record: Record, replica: Replica, document: Task, target: Target) -> None:
        """Drive the replica's present run from wherever it stands, and no earlier one any more. Does nothing if it is
        driven already."""
        instance = replica.instance
        if self._of(replica) is not None or instance is None:
            return
        self.stop(replica.id)
        infra = self._world.fleet.infra(replica.offer.place.infra)
        driver = TaskDriver(
            _work(record, replica, document, target, instance, self._world.user),
            [infra.shell(instance, rank) for rank in _ranks(instance)],
            self._world.content,
            self._world.clock,
            lambda status: self._tell(replica, status),
            lambda: save_former(self._world.home, replica, infra, instance),
        )
        task = asyncio.create_task(driver.drive())
        self._driven[replica.id] = _Driven(replica.renewals, task, TaskStatus(Stage.FILES))
        task.add_done_callback(lambda done: self._ended(replica, done))

    def _of(self, replica: Replica) -> _Driven | None:
        driven = self._driven.get(replica.id)
        return driven if driven is not None and driven.renewals == replica.renewals else None

    def _tell(self, replica: Replica, status: TaskStatus) -> None:
        driven = self._of(replica)
        if driven is None:
            return
        if status.exit_code:
            driven.failure, driven.failed_at = status, self._world.clock.now()
            self._world.fleet.look_soon()
        else:
            driven.status = status
        self._wake()

    def _ended(self, replica: Replica, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("the task of replica %s is not driven any more", replica.id, exc_info=error)
            if self._of(replica):
                del self._driven[replica.id]

    def stop(self, replica_id: int) -> None:
        """The replica's machine goes, or what runs on it."""
        if driven := self._driven.pop(replica_id, None):
            driven.driver.cancel()

    def keep(self, replica_ids: Set[int]) -> None:
        """Drive no others than these."""
        for replica_id in self._driven.keys() - replica_ids:
            self.stop(replica_id)

    async def close(self) -> None:
        """Stop watching; the tasks run on."""
        drivers = [driven.driver for driven in self._driven.values()]
        self.keep(frozenset())
        await asyncio.gather(*drivers, return_exceptions=True)


def _ranks(instance: Instance) -> list[int]:
    return sorted(node.rank for node in instance.nodes) or [0]


def _work(record: Record, replica: Replica, document: Task, target: Target, instance: Instance, user: str) -> Work:
    """What the replica's version brings onto its machines."""
    ranks, own = _ranks(instance), user_variables(document)
    about = (record.service, replica, target, instance)
    version = next(v for v in record.versions if v.number == replica.version)
    return Work(
        label=str(replica.renewals),
        files=version.trees,
        setup=scripts(document.setup, [{**setup_environment(*about, rank, user), **own} for rank in ranks]),
        run=scripts(document.run, [{**run_environment(*about, rank, user), **own} for rank in ranks]),
    )
