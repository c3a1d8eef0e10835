"""What the world does by itself: machines vanish, zones go dark, servers hang, clouds are slow. All of it ends when the
storm does."""

import asyncio
from collections.abc import Callable
from functools import partial

from skyserve.infra.simulated.world import Machine, Zone
from skyserve.sim.faithful.clocks import WorldClock
from skyserve.sim.faithful.facts import Facts
from skyserve.sim.faithful.faults import Fault, Faults
from skyserve.sim.faithful.history import History

TICK_SECONDS = 5.0
"""How often each fault has its occasion."""
SPELL_SECONDS = 90.0
"""Longest time of what lasts for a while; dark zones and scarcity last up to three times as long."""
SLEEP_SECONDS = 600.0
"""Longest time that the controller's machine is suspended."""
OPERATIONS = ("infra.launch", "infra.terminate", "infra.inventory", "infra.offers", "shell.start", "shell.status")


class Storm:
    """Strikes one world until it is over."""

    def __init__(self, facts: Facts, clock: WorldClock, faults: Faults, history: History) -> None:
        self._facts = facts
        self._world, self._plane, self._software = facts.world, facts.plane, facts.software
        self._clock = clock
        self._faults = faults
        self._history = history
        self._random = faults.random
        self._spells: list[tuple[float, Callable[[], object]]] = []
        self._usual: dict[tuple[str, str], object] = {}
        """By zone and lever: its value where nothing is wrong."""
        self.outages: dict[str, float] = {}
        """Operations that fail, until when in virtual time."""

    async def blow(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._pass(asyncio.get_running_loop().time())
            self._strike_machines()
            self._strike_zones()
            self._strike_endpoint()
            if self._faults.strikes(Fault.ASLEEP):
                seconds = self._random.uniform(1, SLEEP_SECONDS)
                self._clock.sleep_through(seconds)
                self._facts.unattended += seconds
                self._history.tell("the controller's machine was suspended")

    def end(self) -> None:
        """All that lasts for a while is over."""
        self._faults.calm = True
        self.outages.clear()
        self._pass(float("inf"))

    def _pass(self, now: float) -> None:
        over = [undo for until, undo in self._spells if until <= now]
        self._spells = [spell for spell in self._spells if spell[0] > now]
        for undo in over:
            undo()

    def _spell(self, what: str, undo: Callable[[], object], longest: float = SPELL_SECONDS) -> None:
        seconds = self._random.uniform(1, longest)
        self._history.tell(f"{what}, for {seconds:.0f} s")
        self._facts.unattended += seconds
        self._spells.append((asyncio.get_running_loop().time() + seconds, undo))

    def _strike_machines(self) -> None:
        for machine in list(self._world.machines.values()):
            name = f"{machine.instance.id} ({machine.instance.token})"
            if self._faults.strikes(Fault.MACHINE_LOST):
                self._history.tell(f"{name} vanishes")
                self._world.lose(machine.instance.id)
            elif machine.instance.doomed_at is None and machine.stopped_at is None:
                self._strike_machine(machine, name)

    def _strike_machine(self, machine: Machine, name: str) -> None:
        if self._faults.strikes(Fault.PREEMPTION):
            self._history.tell(f"{name} is preempted")
            self._world.preempt(machine.instance.id)
        elif self._faults.strikes(Fault.NOTICE):
            self._history.tell(f"{name} is to be preempted")
            self._world.preempt(machine.instance.id, notice=self._random.uniform(10, 120))
        run = machine.runs.get((0, "run"))
        if run is None or run.ended_at() is not None:
            return
        if self._faults.strikes(Fault.RUN_DIES):
            self._history.tell(f"the server on {name} dies")
            self._world.end_script(machine.instance.id, "run", exit_code=137)
            self._software.blame(machine.instance)
        elif self._faults.strikes(Fault.HANG):
            seconds = self._random.uniform(1, SPELL_SECONDS)
            self._history.tell(f"the server on {name} hangs for {seconds:.0f} s")
            self._software.silence(machine.instance, seconds)

    def _strike_zones(self) -> None:
        for zone in self._world.zones.values():
            if zone.reachable and self._faults.strikes(Fault.DARK_ZONE):
                zone.reachable = False
                self._spell(f"{zone.name} goes dark", partial(self._world.heal, zone.name), 3 * SPELL_SECONDS)
            if self._faults.strikes(Fault.SCARCITY):
                self._set(zone, "capacity", lambda _: 0, "has no machines")
            if self._faults.strikes(Fault.SLOW_BOOT):
                self._set(zone, "boot_seconds", self._random.uniform(30, 900), "boots slowly")
            if self._faults.strikes(Fault.LATE_LISTING):
                self._set(zone, "unlisted_seconds", self._random.uniform(1, 20), "lists late")
            if self._faults.strikes(Fault.ZOMBIE):
                self._set(zone, "linger_seconds", self._random.uniform(1, 60), "keeps what is terminated")

    def _set(self, zone: Zone, lever: str, value: object, words: str) -> None:
        usual = self._usual.setdefault((zone.name, lever), getattr(zone, lever))
        setattr(zone, lever, value)
        self._spell(f"{zone.name} {words}", partial(setattr, zone, lever, usual), 3 * SPELL_SECONDS)

    def _strike_endpoint(self) -> None:
        for operation in OPERATIONS:
            if self._faults.strikes(Fault.OUTAGE, 1 / len(OPERATIONS)):
                self._spell(f"{operation} fails", lambda: None)
                self.outages[operation] = self._spells[-1][0]
        for service_id in list(self._plane.tables):
            if self._faults.strikes(Fault.ROUTER_REFUSES):
                self._plane.refusing.add(service_id)
                self._spell("the endpoint accepts nothing", partial(self._plane.refusing.discard, service_id))
            if self._faults.strikes(Fault.ROUTER_SILENT):
                self._plane.silent.add(service_id)
                self._spell("the endpoint is silent", partial(self._plane.silent.discard, service_id))
