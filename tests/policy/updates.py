"""A service whose plans are carried out at once, in a world of rows alone: updates, losses, illness in a few words."""

from dataclasses import replace

from skyserve.model.instance import InstanceState
from skyserve.model.placement import Placement
from skyserve.model.plan import (
    Abandon,
    Action,
    Amend,
    Create,
    Forget,
    ForgetVersion,
    Move,
    Note,
    Plan,
    Remember,
    Terminate,
)
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.resources import Offer, ResourceRequest
from skyserve.model.rollout import UpdateMode, UpdateSettings
from skyserve.model.service import Goal, Service, Target, Version
from skyserve.model.snapshot import Observation, ProbeTally, Snapshot, Stage, TaskStatus
from skyserve.policy.planner import plan
from skyserve.policy.rollout.beginning import begin, go_on, hold
from tests.policy.spot_worlds import SPOT_REQUEST
from tests.policy.worlds import ACCEPTED, FAILING, HERE, NOW, PASSING, RUNNING, instance

EXITED = TaskStatus(Stage.RUN, 1, "no such model")


class Town:
    """The service and all that is true of it."""

    def __init__(
        self,
        wanted: int,
        start_seconds: float = 20.0,
        placement: Placement | None = None,
        offers: tuple[Offer, ...] = (HERE,),
    ) -> None:
        """`start_seconds`: from a machine to a replica that passes its probe. `placement`: of a service that asks for
        spot machines."""
        self.now = NOW
        self.wanted = wanted
        self.start_seconds = start_seconds
        self.rows: dict[int, Replica] = {}
        self.placement = placement
        self.offers = offers
        """What is to be had."""
        self.versions = [Version(1, self._target(UpdateSettings()), NOW, machine_key="m", task_key="t1")]
        self.service = Service(1, "web", 30001, Goal.RUN, NOW)
        self.broken: set[str] = set()
        """Task keys whose run fails at once."""
        self.ill: set[int] = set()
        """Replicas that fail their probes."""
        self.lost: set[int] = set()
        self.noticed: dict[int, float] = {}
        """By replica: when its machine is taken away, as its place has told."""
        self.outcomes: dict[int, tuple[int, int]] = {}
        """By replica: requests answered, and how many of them failed."""
        self.last_plan = Plan((), plan(self.snapshot()).routes)
        self._last_id = 0
        self._terminated: set[int] = set()

    def update(self, task: str, mode: UpdateMode, settings: UpdateSettings, *, machine: str = "m") -> None:
        """A user asks for a version whose task is this."""
        service = begin(self.snapshot(), mode)
        target = self._target(settings)
        number = self.versions[-1].number + 1
        self.versions.append(Version(number, target, self.now, machine_key=machine, task_key=task))
        self.service = service

    def _target(self, settings: UpdateSettings) -> Target:
        requests = (ResourceRequest(),) if self.placement is None else (SPOT_REQUEST,)
        return Target(self.wanted, 8080, requests, update=settings, placement=self.placement)

    def pause(self) -> None:
        """A user holds the update, if there is one."""
        if self.service.rollout is not None and self.service.rollout.paused_at is None:
            self.service = replace(self.service, rollout=hold(self.snapshot(), self.service.rollout))

    def resume(self) -> None:
        """A user lets it go on."""
        if self.service.rollout is not None:
            self.service = replace(self.service, rollout=go_on(self.service.rollout, self.now))

    def alive(self) -> list[Replica]:
        """Those that are not on their way out."""
        return [r for r in self.rows.values() if r.alive]

    def ready(self, *versions: int) -> list[Replica]:
        """Those that are ready; of these versions, if any is named."""
        return [r for r in self.rows.values() if r.phase is Phase.READY and (not versions or r.version in versions)]

    def snapshot(self) -> Snapshot:
        """What the planner sees."""
        rows = tuple(self.rows[replica_id] for replica_id in sorted(self.rows))
        seen = {r.id: self._observe(r) for r in rows if r.phase is not Phase.GONE}
        versions = tuple(self.versions)
        return Snapshot(self.now, self.service, versions, rows, seen, self.offers, self.offers)

    def step(self, seconds: float = 1.0) -> Plan:
        """Time passes, and a plan is made and carried out."""
        self.now += seconds
        self.lost |= {replica_id for replica_id, at in self.noticed.items() if at <= self.now}
        self.last_plan = made = plan(self.snapshot())
        for action in made.actions:
            self._carry_out(action)
        return made

    def until_quiet(self, most: int = 3000) -> bool:
        """Step until no update is under way and all that is wanted is ready; False if that does not come."""
        for _ in range(most):
            self.step()
            settled = len(self.alive()) == len(self.ready()) == self.wanted
            if self.service.rollout is None and settled and all(r.alive for r in self._living()):
                return True
        return False

    def _living(self) -> list[Replica]:
        return [r for r in self.rows.values() if r.phase is not Phase.GONE]

    def _observe(self, row: Replica) -> Observation:
        answered, errors = self.outcomes.get(row.id, (0, 0))
        backend = replace(ACCEPTED, answered=answered, errors=errors)
        if row.id in self.lost or row.id in self._terminated:
            return Observation(absent=True, backend=backend)
        if row.phase is Phase.PROVISIONING and row.instance is None:
            machine = instance(row.id, place=row.offer.place)
            return Observation(launched=machine, instance=machine)
        machine = instance(row.id, InstanceState.RUNNING, place=row.offer.place, doomed_at=self.noticed.get(row.id))
        broken = next(v.task_key for v in self.versions if v.number == row.version) in self.broken
        started = row.phase is not Phase.STARTING or self.now >= row.since + self.start_seconds
        well = row.id not in self.ill and started and not broken
        return Observation(
            instance=machine,
            task=EXITED if broken else RUNNING,
            probe=PASSING if well else ProbeTally() if not started else FAILING,
            backend=backend,
        )

    def _carry_out(self, action: Action) -> None:
        match action:
            case Create():
                self._last_id += 1
                number = self._last_id
                row = Replica(1, number, action.version, Phase.PENDING, self.now, self.now, action.offer)
                self.rows[number] = row
            case Move() | Note():
                self._put(action)
            case Terminate():
                self._terminated.add(action.replica_id)
            case Forget():
                del self.rows[action.replica_id]
            case ForgetVersion():
                self.versions = [v for v in self.versions if v.number != action.version]
            case Amend() | Remember():
                self.service = action.service
            case Abandon():
                self._abandon(action)
            case _:
                pass

    def _put(self, action: Move | Note) -> None:
        row = action.replica
        self.rows[row.id] = row
        if row.phase is Phase.READY:
            self.versions = [replace(v, ever_ready=v.ever_ready or v.number == row.version) for v in self.versions]
        if isinstance(action, Move) and action.cause is Cause.RENEWED:
            self.ill.discard(row.id)

    def _abandon(self, action: Abandon) -> None:
        failed = f"failed: {action.why}"
        self.versions = [replace(v, outcome=failed) if v.number == action.version else v for v in self.versions]
        if action.to is not None:
            (good,) = (v for v in self.versions if v.number == action.to)
            self.versions.append(replace(good, number=self.versions[-1].number + 1, outcome=""))
        self.service = action.service


def settled(wanted: int) -> Town:
    """A service whose replicas are all ready."""
    town = Town(wanted)
    assert town.until_quiet()
    return town
