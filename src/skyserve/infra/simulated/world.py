"""A small world: zones with capacity, machines in them, and levers for everything that goes wrong.

Time comes from a Clock alone and nothing is random, so equal inputs give equal histories. Several SimulatedInfra may
look at one world: what one launches the next finds, as after a restart of the controller.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from skyserve.contracts.clock import Clock
from skyserve.contracts.errors import Gone, InfraError, Transient
from skyserve.infra.simulated.behaviour import Behaviour, Course, serve
from skyserve.model.instance import Instance, InstanceState
from skyserve.model.place import Place
from skyserve.model.resources import Accelerators, Offer


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of machine that a zone sells."""

    name: str = "standard"
    cpus: float = 4
    memory_gib: float = 16
    accelerators: Accelerators | None = None
    hourly_usd: float = 1.0
    spot_hourly_usd: float | None = None
    """None: not to be had as spot."""


@dataclass(slots=True)
class Zone:
    """A place and what can be had there. All fields are levers: set them at any time."""

    name: str
    region: str = ""
    kinds: Sequence[Kind] = (Kind(),)
    capacity: Callable[[float], int] = lambda _now: 1000
    """At a time: how many machines there may be. Above it launches get NoCapacity; nothing that runs is taken."""
    spot_capacity: Callable[[float], int] = lambda _now: 1000
    """At a time: how many of them may be spot. Above it the youngest are preempted when next looked at."""
    boot_seconds: float = 0.0
    """From launch to RUNNING."""
    notice_seconds: float = 0.0
    """From the notice of a preemption to the preemption."""
    unlisted_seconds: float = 0.0
    """From launch to being in the inventory: some clouds are slow to tell of what they have just made."""
    linger_seconds: float = 0.0
    """From an accepted termination to the machine's end: until then it runs, and costs."""
    reachable: bool = True
    """False: cut off. What runs there runs on."""


@dataclass(slots=True)
class Run:
    """A script that was started."""

    course: Course
    started_at: float

    def ended_at(self) -> float | None:
        """When its course ends; None: never."""
        return None if self.course.seconds is None else self.started_at + self.course.seconds


@dataclass(slots=True)
class Machine:
    """An instance and what is on it."""

    instance: Instance
    zone: Zone
    offer: Offer
    ready_at: float
    listed_at: float = 0.0
    stopped_at: float | None = None
    gone_at: float | None = None
    """When nothing is left of it; ahead while it lingers."""
    runs: dict[tuple[int, str], Run] = field(default_factory=dict)
    """By rank and name."""
    trees: dict[tuple[int, str], str] = field(default_factory=dict)
    """By rank and destination: the id of the tree that was put there."""
    labels: dict[int, list[str]] = field(default_factory=dict)
    """By rank: the labels that its scripts were given, in their order."""


@dataclass(slots=True)
class Fault:
    """An error that the next calls will meet."""

    operation: str
    error: InfraError
    zone: str | None
    times: int
    after: bool


class World:
    """All there is, and the levers."""

    def __init__(self, clock: Clock, zones: Sequence[Zone] = (), behaviour: Behaviour = serve) -> None:
        self.clock = clock
        self.zones = {zone.name: zone for zone in zones or (Zone("zone-a"),)}
        self.behaviour = behaviour
        self.machines: dict[str, Machine] = {}
        """By instance id; those that are gone are not here."""
        self.launches: list[Instance] = []
        """Every machine that was ever started, in order: to count what was bought."""
        self.gone: list[Machine] = []
        """Those of which nothing is left."""
        self._faults: list[Fault] = []

    def fail(
        self, operation: str, error: InfraError, *, zone: str | None = None, times: int = 1, after: bool = False
    ) -> None:
        """Let the next `times` calls of `operation` (`offers`, `launch`, `inventory`, `terminate`, `put`, `renew`,
        `start`, `status`, `log`, `forward`) raise `error`, in one zone or in all. With `after` the work is done first:
        its reply is lost."""
        self._faults.append(Fault(operation, error, zone, times, after))

    def preempt(self, instance_id: str, notice: float = 0.0) -> None:
        """Take a machine away in `notice` seconds: it is STOPPED from then on."""
        machine = self.machines[instance_id]
        machine.instance = replace(machine.instance, doomed_at=self.clock.now() + notice)

    def lose(self, instance_id: str) -> None:
        """Let a machine vanish: nothing is left of it, and the inventory proves it."""
        self._remove(self.machines[instance_id], self.clock.now())

    def release(self, instance_id: str) -> None:
        """Accept to terminate a machine: it goes at once, or after its zone's time to linger."""
        machine, now = self.machines[instance_id], self.clock.now()
        if machine.gone_at is None:
            machine.gone_at = now + machine.zone.linger_seconds
        if machine.gone_at <= now:
            self._remove(machine, machine.gone_at)

    def _remove(self, machine: Machine, at: float) -> None:
        machine.gone_at = at
        self.gone.append(self.machines.pop(machine.instance.id))

    def end_script(self, instance_id: str, name: str, exit_code: int, rank: int = 0) -> None:
        """Let a script that runs end now."""
        run = self.machines[instance_id].runs[rank, name]
        run.course = replace(run.course, seconds=self.clock.now() - run.started_at, exit_code=exit_code)

    def cut(self, zone: str) -> None:
        """Nothing there can be reached; what runs there runs on."""
        self.zones[zone].reachable = False

    def heal(self, zone: str) -> None:
        """It can be reached again."""
        self.zones[zone].reachable = True

    def raise_faults(self, operation: str, place: Place | None, *, after: bool = False) -> None:
        """What the infra calls before its work, and once more after it."""
        if place is not None and not (place.zone in self.zones and self.zones[place.zone].reachable):
            raise Transient(f"{place} does not answer")
        for fault in self._faults:
            here = fault.zone is None or place is None or fault.zone == place.zone
            if (fault.operation, fault.after) == (operation, after) and here:
                fault.times -= 1
                self._faults = [left for left in self._faults if left.times > 0]
                raise fault.error

    def settle(self) -> None:
        """Let happen what the time has brought: boots end, machines are taken away."""
        now = self.clock.now()
        for zone in self.zones.values():
            spot = [
                m for m in self.machines.values() if m.zone is zone and m.offer.spot and m.instance.doomed_at is None
            ]
            for machine in spot[max(0, zone.spot_capacity(now)) :]:
                self.preempt(machine.instance.id, zone.notice_seconds)
        for machine in [m for m in self.machines.values() if m.gone_at is not None and m.gone_at <= now]:
            self._remove(machine, machine.gone_at or now)
        for machine in self.machines.values():
            doomed_at = machine.instance.doomed_at
            if machine.stopped_at is None and doomed_at is not None and doomed_at <= now:
                machine.stopped_at = doomed_at
            state = _state(machine, now)
            if machine.instance.state is not state:
                machine.instance = replace(machine.instance, state=state)

    def machine(self, instance_id: str, place: Place) -> Machine:
        """Raises Gone."""
        self.settle()
        if instance_id not in self.machines:
            raise Gone(f"instance {instance_id} exists no more at {place}")
        return self.machines[instance_id]


def _state(machine: Machine, now: float) -> InstanceState:
    if machine.stopped_at is not None:
        return InstanceState.STOPPED
    return InstanceState.RUNNING if machine.ready_at <= now else InstanceState.PENDING
