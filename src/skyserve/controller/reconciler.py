"""The loop of one service: observe -> plan -> write intent -> act -> record, in passes that never wait for a machine.

Whatever a pass decides is written, in one transaction guarded by the service's generation, before anything is done
about it; so the next pass, in this process or the one after a crash, goes on from what is written.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace

from skyserve.contracts.errors import Superseded
from skyserve.contracts.store import AddReplica, Change, ForgetReplica, MarkEverReady, PutReplica, PutService, Record
from skyserve.controller.actions import Actions
from skyserve.controller.probing import ProbeBoard, Subject
from skyserve.controller.tasks import TaskBoard
from skyserve.controller.world import World
from skyserve.model.event import Event
from skyserve.model.plan import (
    Amend,
    Create,
    Finish,
    Forget,
    Launch,
    Move,
    Note,
    Plan,
    Reclaim,
    Start,
    Terminate,
)
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.resources import Offer
from skyserve.model.service import Goal, Service, Version
from skyserve.model.snapshot import Observation, Snapshot, Stage
from skyserve.policy.lifecycle import MAY_HOLD_MACHINE, move
from skyserve.policy.planner import plan
from skyserve.spec.target import target_of
from skyserve.spec.task import Task

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
"""A pass at least this often: it costs no I/O unless something is to be done."""
OFFERS_SECONDS = 30.0
"""How long what the infras offer is taken to hold."""
_PROBED = (Phase.STARTING, Phase.READY, Phase.NOT_READY)


class Reconciler:
    """One service, for as long as it lives."""

    def __init__(self, world: World, record: Record, finished: Callable[[int], None]) -> None:
        self._world = world
        self._finished = finished
        self._lock = asyncio.Lock()
        self._news = asyncio.Event()
        self._offers: tuple[Offer, ...] = ()
        self._offers_at: float | None = None
        self._over = False
        self._actions = Actions(world, self.wake)
        self._probes = ProbeBoard(world.prober, world.clock, self.wake)
        self._tasks = TaskBoard(world, self.wake)
        self._take(record)

    def _take(self, record: Record) -> None:
        self._record = record
        self._documents = {v.number: Task.model_validate_json(v.document) for v in record.versions}
        self._versions = tuple(
            Version(v.number, target_of(self._documents[v.number]), v.created_at, v.ever_ready) for v in record.versions
        )

    @property
    def service(self) -> Service:
        """As the database has it."""
        return self._record.service

    @property
    def document(self) -> Task:
        """The task of the version wanted."""
        return self._documents[self._versions[-1].number]

    def replica(self, replica_id: int) -> Replica | None:
        """As the database has it."""
        return next((r for r in self._record.replicas if r.id == replica_id), None)

    @property
    def over(self) -> bool:
        """The service is gone."""
        return self._over

    def task_begun(self, replica_id: int) -> bool:
        """Its setup or run has begun, so that there is a log."""
        status = self._tasks.status(replica_id)
        return status is not None and status.stage is not Stage.FILES

    def wake(self) -> None:
        """Something was seen to happen: do not wait for the next pass."""
        self._news.set()

    async def run(self) -> None:
        """Pass after pass, until the service is finished or we are cancelled."""
        while not self._over:
            self._news.clear()
            made = await self.step()
            if self._over:
                return
            pause = HEARTBEAT_SECONDS
            if made.wake_at is not None:
                pause = min(pause, max(0.05, made.wake_at - self._world.clock.now()))
            await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        news = asyncio.ensure_future(self._news.wait())
        timer = asyncio.ensure_future(self._world.clock.sleep(seconds))
        try:
            await asyncio.wait((news, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            timer.cancel()

    async def step(self) -> Plan:
        """One pass."""
        await self._refresh_offers()
        async with self._lock:
            made = plan(self.snapshot())
            try:
                await self._write(made)
            except Superseded:
                await self._reload()
                self.wake()
                return made
            if not self._over:
                await self._world.router.apply(made.routes)
                self._act(made)
                self._follow_replicas()
            return made

    def snapshot(self) -> Snapshot:
        """All that is known of the service now. No I/O."""
        fleet = self._world.fleet
        replicas = self._record.replicas
        claimed = {r.token for r in replicas if r.phase in MAY_HOLD_MACHINE}
        mine = f"{self.service.id}-"
        return Snapshot(
            now=self._world.clock.now(),
            service=self.service,
            versions=self._versions,
            replicas=replicas,
            observations={r.id: self._observe(r) for r in replicas if r.phase is not Phase.GONE},
            offers=self._offers,
            unreachable=frozenset(o.place for o in self._offers if fleet.unreachable_since(o.place) is not None),
            leaks=tuple(
                i
                for i in fleet.all_instances()
                if i.token.startswith(mine) and i.token not in claimed and not self._actions.reclaiming(i)
            ),
        )

    def _observe(self, replica: Replica) -> Observation:
        fleet, place = self._world.fleet, replica.offer.place
        since = max(replica.since, self._actions.settled_at(replica.id))
        return Observation(
            instance=fleet.instance(place.infra, replica.token),
            absent=fleet.proves_absent(place, replica.token, since),
            unreachable_since=fleet.unreachable_since(place),
            task=self._tasks.status(replica.id),
            probe=self._probes.tally(replica.id),
            backend=self._world.router.status(self.service.id).get(replica.id),
            launched=self._actions.launched.get(replica.id),
            setback=self._actions.setbacks.get(replica.id),
            settled_at=self._actions.settled_at(replica.id),
            busy=self._actions.busy(replica.id),
        )

    async def _refresh_offers(self) -> None:
        now = self._world.clock.now()
        if self._offers_at is None or now - self._offers_at >= OFFERS_SECONDS:
            self._offers = await self._world.fleet.offers(self._versions[-1].target)
            self._offers_at = now

    async def _write(self, made: Plan) -> None:
        """Record the plan's decisions, before anything is done about them."""
        changes, events = self._changes(made), self._events(made)
        if any(isinstance(action, Finish) for action in made.actions):
            await self._finish(changes, events)
            return
        if changes:
            self._put(await self._world.store.commit(self.service.id, self.service.generation, changes, events))
            await self._reload()
            self._actions.told()

    def _put(self, service: Service) -> None:
        self._record = replace(self._record, service=service)

    async def _reload(self) -> None:
        record = await self._world.store.load(self.service.id)
        if record is None:
            self._end()
        else:
            self._take(record)

    def _changes(self, made: Plan) -> list[Change]:
        changes: list[Change] = []
        for action in made.actions:
            match action:
                case Create():
                    changes.append(AddReplica(action.version, action.offer, self._world.clock.now()))
                case Move() | Note():
                    changes.append(PutReplica(action.replica))
                    if isinstance(action, Move) and action.cause is Cause.PROBE_PASSED:
                        changes.append(MarkEverReady(action.replica.version))
                case Amend():
                    changes.append(PutService(action.service))
                case Forget():
                    changes.append(ForgetReplica(action.replica_id))
                case Launch() | Start() | Terminate() | Reclaim() | Finish():
                    pass  # what is done, not what is written
        return changes

    def _events(self, made: Plan) -> list[Event]:
        """What people are told: every decision that changes a row."""
        now = self._world.clock.now()
        events = []
        for action in made.actions:
            kind = str(action.cause) if isinstance(action, Move) else type(action).__name__.lower()
            row = action.replica.id if isinstance(action, Move | Note) else getattr(action, "replica_id", None)
            log.info("%s: %s%s: %s", self.service.name, kind, f" replica {row}" if row else "", action.reason)
            if isinstance(action, Create | Move | Note | Amend | Finish):
                events.append(Event(now, self.service.id, kind, action.reason, row))
        return events

    async def _finish(self, changes: list[Change], events: list[Event]) -> None:
        service = await self._world.store.commit(self.service.id, self.service.generation, changes, events)
        await self._world.router.remove(service.id)
        await self._world.store.remove_service(service.id, service.generation)
        logs = self._world.home.service_logs(service.id)
        await asyncio.to_thread(shutil.rmtree, logs, ignore_errors=True)
        self._end()

    def _end(self) -> None:
        self._over = True
        self._finished(self.service.id)

    def _act(self, made: Plan) -> None:
        target = {v.number: v.target for v in self._versions}
        for action in made.actions:
            replica = self.replica(getattr(action, "replica_id", 0))
            match action:
                case Launch() if replica is not None:
                    self._actions.launch(self.service, target[replica.version], replica)
                case Start() if replica is not None:
                    self._tasks.begin(self._record, replica, self._documents[replica.version], target[replica.version])
                case Terminate() if replica is not None:
                    self._tasks.stop(replica.id)
                    self._actions.terminate(self.service, replica)
                case Reclaim():
                    self._actions.reclaim(action.instance)
                case Forget():
                    self._actions.forget(action.replica_id)
                case Create():
                    self.wake()  # the new row is launched by the next pass
                case _:
                    pass  # recorded already

    def _follow_replicas(self) -> None:
        """Probe and watch the replicas that are on machines, and no others."""
        targets = {v.number: v.target for v in self._versions}
        subjects = {}
        for replica in self._record.replicas:
            target = targets[replica.version]
            address = replica.instance.addresses.get(target.port) if replica.instance else None
            if replica.phase in _PROBED and address is not None:
                doubtful = self._world.fleet.unreachable_since(replica.offer.place) is not None
                subjects[replica.id] = Subject(address, target.probe, replica.phase, doubtful)
        self._probes.set(subjects)
        self._tasks.keep({r.id for r in self._record.replicas if r.phase in (*_PROBED, Phase.DRAINING)})

    async def set_goal(self, goal: Goal, reason: str) -> None:
        """The user wants something else of the service."""
        await self._change([PutService(replace(self.service, goal=goal))], goal, reason, None)

    async def end_replica(self, replica: Replica, reason: str) -> None:
        """The user wants one replica to go; another takes its place. Raises IllegalMove if it is going already."""
        moved = move(replica, Cause.USER_TERMINATED, self._world.clock.now(), reason)
        await self._change([PutReplica(moved)], Cause.USER_TERMINATED, reason, replica.id)

    async def purge_replica(self, replica: Replica, reason: str) -> None:
        """The user gives up a replica's machine, or wants its row away. Raises IllegalMove if it is alive."""
        now = self._world.clock.now()
        if replica.phase is Phase.GONE:
            await self._change([ForgetReplica(replica.id)], Cause.PURGED, reason, replica.id)
        else:
            await self._change([PutReplica(move(replica, Cause.PURGED, now, reason))], Cause.PURGED, reason, replica.id)

    async def _change(self, changes: list[Change], kind: str, reason: str, replica_id: int | None) -> None:
        async with self._lock:
            event = Event(self._world.clock.now(), self.service.id, str(kind), reason, replica_id)
            self._put(await self._world.store.commit(self.service.id, self.service.generation, changes, [event]))
            await self._reload()
        self.wake()

    async def close(self) -> None:
        """Let go; replicas and their tasks run on."""
        await self._actions.close()
        await self._probes.close()
        await self._tasks.close()
