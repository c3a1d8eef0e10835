"""One service in one world: the planner decides whenever something is seen to happen, or when it asked to be woken.

The rows of replicas are kept as the controller would write them. Between two passes only requests happen. What the
controller's own work takes is left out but for its pulse: what a pass decided is driven by the next, a second later.
"""

from dataclasses import replace
from math import inf

from skyserve.contracts.store import AddReplica, Change, ForgetReplica, MarkEverReady, PutReplica, PutService
from skyserve.controller.own_policies import OwnPolicy
from skyserve.controller.reconciler import HEARTBEAT_SECONDS
from skyserve.controller.recording import changes_of
from skyserve.model.plan import Launch, Plan, Start, Terminate
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.route import Backend, BackendStatus
from skyserve.model.service import Goal, Service, Target, Version
from skyserve.model.snapshot import Observation, ProbeTally, Setback, Snapshot, Stage, TaskStatus
from skyserve.policy.planner import plan
from skyserve.policy.schedule import at_this_hour
from skyserve.policy.wanted import wanted_replicas
from skyserve.sim.planned.history import History, Moment
from skyserve.sim.planned.machines import EPOCH, Machines
from skyserve.sim.planned.traffic import Traffic
from skyserve.sim.planned.world import World

REFUSAL_SECONDS = 10.0
"""How long a zone takes to say that it has no room."""
SHORTEST_SECONDS = 0.05
"""Between two passes, as the controller has it."""


class Simulation:
    """A run; `run` returns its history."""

    def __init__(self, target: Target, world: World, own_policy: OwnPolicy | None = None) -> None:
        """`own_policy`: what the target names to decide how many replicas, if it names anything."""
        self.target, self.world, self._own_policy = target, world, own_policy
        self.end = world.hours * 3600
        self.now = 0.0
        heaviest = max(target.capacities.values(), default=1.0)
        self.traffic = Traffic(world.requests, world.engine, target.load_balancing_policy, world.patience, heaviest)
        self.history = History(self.traffic, self.end)
        self._machines = Machines(world, target)
        self._offers = world.offers(target)
        self._service = Service(1, "simulated", 30001, Goal.RUN, EPOCH)
        self._version = Version(1, target, EPOCH)
        self._rows: dict[int, Replica] = {}
        self._next_id = 1
        self._routed: dict[int, Backend] = {}
        self._launched: set[int] = set()
        """Launches that came to something since the last pass."""
        self._refused: list[tuple[float, int]] = []
        """When each refusal will be known."""

    def run(self) -> History:
        """From the beginning to the end."""
        while self.now < self.end:
            for lost in self._machines.shrink(self.now):
                self.traffic.lose(lost, self.now)
            snapshot = self._snapshot()
            made = plan(snapshot)
            changes = changes_of(made, snapshot.now)
            for change in changes:
                self._write(change)
            self._act(made)
            self._route(made)
            self.history.note(self._moment(at_this_hour(snapshot).version.target))
            until = min(self._next(made, changes), self.end)
            self.traffic.advance(until)
            self.now = until
        self.history.taken = self._machines.taken
        return self.history

    def _snapshot(self) -> Snapshot:
        known = [number for at, number in self._refused if at <= self.now]
        snapshot = Snapshot(
            now=EPOCH + self.now,
            service=self._service,
            versions=(self._version,),
            replicas=tuple(self._rows.values()),
            observations={r.id: self._observe(r, known) for r in self._rows.values() if r.phase is not Phase.GONE},
            offers=self._offers,
            load=self.traffic.load(self.now),
            own_policy=self._own_policy,
        )
        self._launched.clear()
        self._refused = [entry for entry in self._refused if entry[0] > self.now]
        return snapshot

    def _observe(self, replica: Replica, refused: list[int]) -> Observation:
        machine = self._machines.held.get(replica.id)
        seen = machine.seen(self.now) if machine else None
        ready = machine is not None and seen is not None and machine.ready_at <= self.now
        asked = any(number == replica.id for _, number in self._refused)
        routed = replica.id in self._routed
        return Observation(
            instance=seen,
            absent=seen is None,
            task=TaskStatus(Stage.RUN) if machine and machine.ready_at < inf else None,
            probe=ProbeTally(passes=self.target.probe.rise if ready else 0),
            backend=BackendStatus(True, self.traffic.in_flight(replica.id)) if routed else None,
            launched=seen if replica.id in self._launched else None,
            setback=Setback(Cause.NO_CAPACITY, f"{replica.offer.place} has no room") if replica.id in refused else None,
            busy=asked and replica.id not in refused,
        )

    def _write(self, change: Change) -> None:
        match change:
            case AddReplica():
                new = Replica(1, self._next_id, change.version, Phase.PENDING, change.at, change.at, change.offer)
                self._rows[new.id] = new
                self._next_id += 1
            case PutReplica():
                self._rows[change.replica.id] = change.replica
            case ForgetReplica():
                del self._rows[change.replica_id]
            case MarkEverReady():
                self._version = replace(self._version, ever_ready=True)
            case PutService():
                self._service = change.service

    def _act(self, made: Plan) -> None:
        for action in made.actions:
            match action:
                case Launch():
                    self._launch(self._rows[action.replica_id])
                case Start() if machine := self._machines.held.get(action.replica_id):
                    machine.ready_at = self.now + self.world.setup_seconds
                case Terminate():
                    self.traffic.lose(action.replica_id, self.now)
                    self._machines.held.pop(action.replica_id, None)

    def _launch(self, replica: Replica) -> None:
        self.history.launches += 1
        if self._machines.launch(replica, self.now):
            self._launched.add(replica.id)
        else:
            self.history.refusals += 1
            self._refused.append((self.now + REFUSAL_SECONDS, replica.id))

    def _route(self, made: Plan) -> None:
        self._routed = {backend.replica_id: backend for backend in made.routes.backends}
        self.traffic.route(b for b in made.routes.backends if not self._lost(b.replica_id))

    def _lost(self, replica_id: int) -> bool:
        machine = self._machines.held.get(replica_id)
        return machine is None or machine.lost_at <= self.now

    def _moment(self, target: Target) -> Moment:
        """What there is now. `target`: with the bounds that it has at this hour."""
        living = list(self._machines.living())
        price = sum(machine.replica.offer.hourly_usd for machine in living) * self.target.num_nodes
        spot = sum(machine.replica.offer.spot for machine in living)
        ready = sum(r.phase is Phase.READY and not self._lost(r.id) for r in self._rows.values())
        return Moment(self.now, wanted_replicas(self._service, target), ready, spot, len(living) - spot, price)

    def _next(self, made: Plan, changes: list[Change]) -> float:
        """When to decide again."""
        looks = [self._machines.next_at(self.now), *(at for at, _ in self._refused)]
        if made.wake_at is not None:
            looks.append(max(made.wake_at - EPOCH, self.now + SHORTEST_SECONDS))
        looks += [
            at for b in self._routed.values() if b.draining and (at := self.traffic.idle_at(b.replica_id)) > self.now
        ]
        if any(not isinstance(change, PutService) for change in changes) or self._launched:
            looks.append(self.now + HEARTBEAT_SECONDS)
        if self.traffic.refuses:  # somebody who asks for a service at zero is noticed at the next pulse
            looks.append(max(self.traffic.next_at, self.now) + HEARTBEAT_SECONDS)
        return min(looks)
