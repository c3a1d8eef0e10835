"""The loop of one service: observe -> plan -> write intent -> act -> record, in passes that never wait for a machine.

Whatever a pass decides is written, in one transaction guarded by the service's generation, before anything is done
about it; so the next pass, in this process or the one after a crash, goes on from what is written.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from skyserve.contracts.errors import Superseded
from skyserve.contracts.store import Change, Record
from skyserve.controller.actions import Actions
from skyserve.controller.offers import OfferBoard
from skyserve.controller.own_policies import OwnPolicies
from skyserve.controller.probing import ProbeBoard, Subject
from skyserve.controller.recording import changes_of, events_of, log_plan
from skyserve.controller.tasks import TaskBoard
from skyserve.controller.versions import VersionBook
from skyserve.controller.world import World
from skyserve.model.endpoint import ReplicaTls
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.event import Event
from skyserve.model.plan import (
    Abandon,
    Create,
    Finish,
    Forget,
    ForgetVersion,
    Launch,
    Move,
    Plan,
    Reclaim,
    Start,
    Terminate,
)
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.resources import Offer
from skyserve.model.route import BackendStatus, Trust
from skyserve.model.service import Service, Target, Version
from skyserve.model.snapshot import Observation, Snapshot, Stage
from skyserve.policy.lifecycle import MAY_HOLD_MACHINE
from skyserve.policy.planner import plan
from skyserve.spec.sameness import Trees
from skyserve.spec.task import Task

HEARTBEAT_SECONDS = 1.0
"""A pass at least this often: it costs no I/O unless something is to be done."""
_PROBED = (Phase.STARTING, Phase.READY, Phase.NOT_READY)


class Wish(NamedTuple):
    """What a user wants, as changes of the rows."""

    changes: Sequence[Change]
    reason: str


class Reconciler:
    """One service, for as long as it lives."""

    def __init__(
        self,
        world: World,
        record: Record,
        finished: Callable[[int], None],
        files_let_go: Callable[[], None],
        offers: Sequence[Offer] = (),
    ) -> None:
        """`finished` is told the service's id at its end; `files_let_go` is told when a version is remembered no more;
        `offers`: known already."""
        self._world = world
        self._finished = finished
        self._files_let_go = files_let_go
        self._lock = asyncio.Lock()
        self._news = asyncio.Event()
        self._over = False
        self._stale = False
        self._actions = Actions(world, self.wake)
        self._probes = ProbeBoard(world.prober, world.clock, self.wake)
        self._tasks = TaskBoard(world, self.wake)
        self._offers = OfferBoard(world, self.wake)
        self._versions = VersionBook()
        self._own_policies = OwnPolicies(world.home)
        self._take(record)
        if offers:
            self._offers.learn(self._versions.wanted.target, offers)

    def _take(self, record: Record) -> None:
        self._record = record
        self._rows = {replica.id: replica for replica in record.replicas}
        self._versions.read(record.versions)
        self._own_policy = self._own_policies.of(self._versions.wanted)

    @property
    def service(self) -> Service:
        """As the database has it."""
        return self._record.service

    @property
    def document(self) -> Task:
        """The task of the version wanted."""
        return self._versions.document(self._versions.wanted.number)

    def written(self, number: int) -> tuple[Task, Trees]:
        """A version as its user wrote it: its task and its files. Raises KeyError."""
        return self._versions.document(number), next(v.trees for v in self._record.versions if v.number == number)

    def replica(self, replica_id: int) -> Replica | None:
        """As the database has it."""
        return self._rows.get(replica_id)

    @property
    def over(self) -> bool:
        """The service is gone."""
        return self._over

    def stage_begun(self, replica_id: int, stage: Stage) -> bool:
        """Its setup, or its run, has begun, so that there is a log."""
        replica = self.replica(replica_id)
        status = self._tasks.status(replica) if replica else None
        return status is not None and status.stage in (stage, Stage.RUN)

    def wake(self) -> None:
        """Something was seen to happen: do not wait for the next pass."""
        self._news.set()

    async def run(self) -> None:
        """Pass after pass, until the service is finished or we are cancelled."""
        while not self._over:
            self._news.clear()
            began = self._world.clock.now()
            made = await self.step()
            if self._over:
                return
            self._world.tallies.passed(self.service.name, self._world.clock.now() - began)
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
        self._offers.refresh(v.target for v in (self._versions.wanted, self._before()) if v is not None)
        async with self._lock:
            await self._catch_up()
            snapshot, made = await self._decide()
            try:
                await self._write(made, snapshot)
            except Superseded:
                await self._reload()
                self.wake()
                return made
            if not self._over:
                table = await self._world.certificates.certified(made.routes, self._probed_by_tls())
                await self._world.router.apply(table)
                self._act(made)
                self._follow_replicas(table.trusts)
        for news in self._world.certificates.news(self.service.id):
            await self._tell(news)
        return made

    async def foresee(self) -> tuple[Snapshot, Plan]:
        """All that is known now, and what a pass would do about it. Nothing is done."""
        async with self._lock:
            return await self._decide()

    async def _decide(self) -> tuple[Snapshot, Plan]:
        """In a thread where a user's own policy is asked: the loop, and with it all other services, waits for none."""
        snapshot = self.snapshot()
        return snapshot, plan(snapshot) if snapshot.own_policy is None else await asyncio.to_thread(plan, snapshot)

    async def _tell(self, news: str) -> None:
        """Record for people what decides nothing."""
        with contextlib.suppress(ServeError, Superseded):
            await self.wish("certificate", lambda _: Wish((), news))

    def snapshot(self) -> Snapshot:
        """All that is known of the service now. Nobody is waited for."""
        fleet = self._world.fleet
        replicas, wanted, before = self._record.replicas, self._versions.wanted, self._before()
        offers = self._offers.latest(wanted.target)
        backends = self._world.router.status(self.service.id)
        claimed = {r.token for r in replicas if r.phase in MAY_HOLD_MACHINE}
        return Snapshot(
            now=self._world.clock.now(),
            service=self.service,
            versions=self._versions.all,
            replicas=replicas,
            observations={r.id: self._observe(r, backends.get(r.id)) for r in replicas if r.phase is not Phase.GONE},
            offers=offers,
            offers_before=self._offers.latest(before.target) if before else (),
            load=self._world.router.load(self.service.id),
            own_policy=self._own_policy,
            keys=self._record.keys,
            key_counts=self._world.router.key_counts(self.service.id),
            unreachable=frozenset(o.place for o in offers if fleet.unreachable_since(o.place) is not None),
            endpoint_trouble=self._world.certificates.trouble(self.service.id),
            leaks=tuple(
                i
                for i in fleet.launched_for(self.service.id)
                if i.token not in claimed and not self._actions.reclaiming(i)
            ),
        )

    def _before(self) -> Version | None:
        """The version that the update under way replaces."""
        return self._versions.get(self.service.rollout.before if self.service.rollout else None)

    def learn_offers(self, target: Target, offers: Sequence[Offer]) -> None:
        """What infras have just offered for such a target."""
        self._offers.learn(target, offers)

    def _nodes(self, replica: Replica) -> int:
        return next(v.target.num_nodes for v in self._versions.all if v.number == replica.version)

    def _observe(self, replica: Replica, backend: BackendStatus | None) -> Observation:
        fleet, place = self._world.fleet, replica.offer.place
        since = max(replica.since, self._actions.launch_ended_at(replica.id))
        return Observation(
            instance=fleet.instance(place.infra, replica.token),
            absent=fleet.proves_absent(place, replica.token, since, nodes=self._nodes(replica)),
            unreachable_since=fleet.unreachable_since(place),
            task=self._tasks.status(replica),
            probe=self._probes.tally(replica.id),
            backend=backend,
            launched=self._actions.launched.get(replica.id),
            setback=self._actions.setbacks.get(replica.id),
            settled_at=self._actions.settled_at(replica.id),
            busy=self._actions.busy(replica.id),
        )

    async def _write(self, made: Plan, snapshot: Snapshot) -> None:
        """Record the plan's decisions, before anything is done about them."""
        now = self._world.clock.now()
        changes, events = changes_of(made, now), events_of(made, self.service, now)
        log_plan(made, self.service)
        if any(isinstance(action, Finish) for action in made.actions):
            await self._finish(changes, events)
            return
        if changes:
            await self._commit(changes, events)
            self._world.tallies.recorded(self.service.name, made)
            self._actions.told(snapshot.observations)

    async def _commit(self, changes: Sequence[Change], events: Sequence[Event]) -> None:
        """Write, and read what is written. Should either fail, nothing is decided before it is known what the store
        has: else a decision might be made twice, or a user's wish be overlooked."""
        self._stale = True
        await self._world.store.commit(self.service.id, self.service.generation, changes, events)
        await self._reload()

    async def _catch_up(self) -> None:
        if self._stale:
            await self._reload()

    async def _reload(self) -> None:
        record = await self._world.store.load(self.service.id)
        if record is None:
            self._end()
        else:
            self._take(record)
        self._stale = False

    async def _finish(self, changes: list[Change], events: list[Event]) -> None:
        service = await self._world.store.commit(self.service.id, self.service.generation, changes, events)
        await self._world.router.remove(service.id)
        await self._world.store.remove_service(service.id, service.generation)
        logs = self._world.home.service_logs(service.id)
        await asyncio.to_thread(shutil.rmtree, logs, ignore_errors=True)
        self._world.certificates.forget(service.id)
        self._end()

    def _end(self) -> None:
        self._over = True
        self._world.tallies.forget(self.service.name)
        self._finished(self.service.id)

    def _act(self, made: Plan) -> None:
        target = {v.number: v.target for v in self._versions.all}
        for action in made.actions:
            replica = self.replica(getattr(action, "replica_id", 0))
            match action:
                case Launch() if replica is not None:
                    self._actions.launch(self.service, target[replica.version], replica)
                case Start() if replica is not None:
                    self._tasks.begin(
                        self._record, replica, self._versions.document(replica.version), target[replica.version]
                    )
                case Terminate() if replica is not None:
                    self._tasks.stop(replica.id)
                    self._actions.terminate(self.service, replica)
                case Reclaim():
                    self._actions.reclaim(action.instance)
                case Forget():
                    self._actions.forget(self.service, action.replica_id)
                case Move(cause=Cause.RENEWED):
                    self._tasks.stop(action.replica.id)
                    self.wake()  # the next pass begins it anew
                case Create() | Abandon():
                    self.wake()  # the next pass launches the new row, or knows the new version
                case ForgetVersion():
                    self._files_let_go()
                case _:
                    pass  # recorded already

    def _probed_by_tls(self) -> set[ReplicaTls]:
        """How replicas are spoken to that are probed, or will be soon."""
        numbers = {r.version for r in self._record.replicas if r.phase in _PROBED} | {self._versions.wanted.number}
        return {way for v in self._versions.all if v.number in numbers and (way := v.target.probe.tls)}

    def _follow_replicas(self, trusts: Mapping[ReplicaTls, Trust]) -> None:
        """Probe and watch the replicas that are on machines, and no others."""
        targets = {v.number: v.target for v in self._versions.all}
        subjects = {}
        for replica in self._record.replicas:
            target = targets[replica.version]
            address = replica.instance.addresses.get(target.port) if replica.instance else None
            if self._answers(replica) and address is not None:
                doubtful = self._world.fleet.unreachable_since(replica.offer.place) is not None
                trust = trusts.get(target.probe.tls) if target.probe.tls else None
                subjects[replica.id] = Subject(address, target.probe, replica.phase, trust, doubtful)
        self._probes.set(subjects)
        self._tasks.keep({r.id for r in self._record.replicas if r.phase in (*_PROBED, Phase.DRAINING)})

    def _answers(self, replica: Replica) -> bool:
        """It may answer a probe: what runs there is its own version's, not that of the version before."""
        begun = replica.phase is not Phase.STARTING or self.stage_begun(replica.id, Stage.RUN)
        return replica.phase in _PROBED and begun

    async def wish(self, kind: str, decide: Callable[[Snapshot], Wish | None], replica_id: int | None = None) -> None:
        """Record what the user wants, decided on the rows as they are once no pass is writing them. None: it is so.
        What `decide` raises is raised, and nothing is recorded. Raises ServeError where the service is gone."""
        async with self._lock:
            await self._catch_up()
            if self._over:
                raise ServeError(ErrorKind.NOT_FOUND, f"Service {self.service.name!r} is gone.")
            wish = decide(self.snapshot())
            if wish is None:
                return
            event = Event(self._world.clock.now(), self.service.id, kind, wish.reason, replica_id)
            await self._commit(wish.changes, [event])
        self.wake()

    async def close(self) -> None:
        """Let go; replicas and their tasks run on."""
        await self._offers.close()
        await self._actions.close()
        await self._probes.close()
        await self._tasks.close()
