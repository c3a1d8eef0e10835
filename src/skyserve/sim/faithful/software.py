"""The user's program on simulated machines: how long its setup and its loading take, and whether it answers."""

from math import inf
from random import Random

from skyserve.contracts.infra import Script
from skyserve.infra.simulated.behaviour import FOR_EVER, Course
from skyserve.infra.simulated.world import Machine, World
from skyserve.model.instance import Instance
from skyserve.model.place import Address
from skyserve.sim.faithful.faults import Fault, Faults

SETUP_SECONDS = 30.0
LOADING_SECONDS = 40.0
"""Longest time from the start of `run` to the first answer, where nothing goes wrong."""
FLAW = "exit 1"
"""A setup of this body fails wherever it runs."""
MUTE = "wait"
"""A run of this body never answers."""
FAULTY = "serve badly"
"""A run of this body answers probes, and most requests with errors."""


class Software:
    """What runs where. Whoever looks at the world asks here whether something answers."""

    def __init__(self, world: World, faults: Faults, random: Random) -> None:
        self._world = world
        self._faults = faults
        self._random = random
        self._loaded_at: dict[str, float] = {}
        self._faulty: dict[str, bool] = {}
        self._silent_until: dict[str, float] = {}
        self.failures: dict[int, int] = {}
        """By service id: how often its scripts ended badly, or its servers were silent too long."""
        world.behaviour = self._course

    def _course(self, instance: Instance, rank: int, name: str, script: Script) -> Course:
        if name != "run":
            failed = script.body == FLAW or self._faults.strikes(Fault.SETUP_FAILS)
            if failed:
                self.blame(instance)
            return Course(seconds=self._random.uniform(0, SETUP_SECONDS), exit_code=int(failed))
        loading = self._random.uniform(0, LOADING_SECONDS)
        if self._faults.strikes(Fault.SLOW_START):
            loading = self._random.uniform(LOADING_SECONDS, 20 * LOADING_SECONDS)
            self.blame(instance)
        if script.body == MUTE:
            loading = inf
        if rank == 0:
            self._faulty[instance.id] = script.body == FAULTY
            self._loaded_at[instance.id] = self._world.clock.now() + loading
        return FOR_EVER

    def blame(self, instance: Instance) -> None:
        """Its service may rightly take the user's program for broken."""
        service_id = int(instance.token.partition("-")[0])
        self.failures[service_id] = self.failures.get(service_id, 0) + 1

    def silence(self, instance: Instance, seconds: float) -> None:
        """Its server answers nothing for a while."""
        self._silent_until[instance.id] = self._world.clock.now() + seconds
        self.blame(instance)

    def serves(self, machine: Machine) -> bool:
        """Its server is loaded and answers whoever can reach it."""
        run, now = machine.runs.get((0, "run")), self._world.clock.now()
        return (
            run is not None
            and run.ended_at() is None
            and machine.stopped_at is None
            and self._loaded_at[machine.instance.id] <= now
            and self._silent_until.get(machine.instance.id, 0.0) <= now
        )

    def answers(self, address: Address) -> bool:
        """Something answers there, as seen from the controller's machine."""
        machine = self._at(address)
        return machine is not None and machine.zone.reachable and self.serves(machine)

    def answers_badly(self, address: Address) -> bool:
        """What answers there makes errors."""
        machine = self._at(address)
        return machine is not None and self._faulty.get(machine.instance.id, False)

    def _at(self, address: Address) -> Machine | None:
        here = (m for m in self._world.machines.values() if m.instance.nodes[0].ip == address.host)
        return next(here, None)
