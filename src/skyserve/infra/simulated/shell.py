"""A simulated node's Shell: files are noted, scripts follow the world's behaviour."""

from collections.abc import AsyncIterator

from skyserve.contracts.content import ContentStore, Tree
from skyserve.contracts.errors import Gone
from skyserve.contracts.infra import Script, ScriptState, ScriptStatus
from skyserve.infra.simulated.world import Machine, Run, World
from skyserve.model.instance import Instance
from skyserve.model.place import Address

_FOLLOW_SECONDS = 1.0


class SimulatedShell:
    """Keeps contracts.infra.Shell in memory."""

    def __init__(self, world: World, instance: Instance, rank: int) -> None:
        self._world = world
        self._instance = instance
        self._rank = rank
        self._label: str | None = None

    async def put(self, tree: Tree, content: ContentStore, destination: str) -> None:
        """Note which tree is where."""
        self._current("put").trees[self._rank, destination] = tree.id
        self._world.raise_faults("put", self._instance.place, after=True)

    async def renew(self, label: str) -> None:
        """Forget what runs under another label."""
        self._label = label
        machine = self._current("renew")
        given = machine.labels.setdefault(self._rank, [])
        if given[-1:] != [label]:
            for rank, name in [key for key in machine.runs if given and key[0] == self._rank]:
                del machine.runs[rank, name]
            given.append(label)
        self._world.raise_faults("renew", self._instance.place, after=True)

    async def start(self, name: str, script: Script) -> None:
        """Begin the course that the world's behaviour gives."""
        machine = self._current("start")
        if (self._rank, name) not in machine.runs:
            course = self._world.behaviour(machine.instance, self._rank, name, script)
            machine.runs[self._rank, name] = Run(course, self._world.clock.now())
        self._world.raise_faults("start", self._instance.place, after=True)

    async def status(self, name: str) -> ScriptStatus:
        """As the course stands now."""
        self._world.raise_faults("status", self._instance.place)
        return self._status(self._machine(), name)

    async def log(self, name: str, *, follow: bool = False, tail: int | None = None) -> AsyncIterator[bytes]:
        """The course's output."""
        self._world.raise_faults("log", self._instance.place)
        run = self._machine().runs.get((self._rank, name))
        if run is not None:
            lines = run.course.output.splitlines(keepends=True)
            for line in lines if tail is None else lines[max(0, len(lines) - tail) :]:
                yield line
        while follow and self._status(self._machine(), name).state is ScriptState.RUNNING:
            await self._world.clock.sleep(_FOLLOW_SECONDS)

    async def forward(self, port: int) -> Address:
        """The node's own address."""
        self._world.raise_faults("forward", self._instance.place)
        return Address(self._machine().instance.nodes[self._rank].ip, port)

    def _machine(self) -> Machine:
        return self._world.machine(self._instance.id, self._instance.place)

    def _living(self, operation: str) -> Machine:
        self._world.raise_faults(operation, self._instance.place)
        machine = self._machine()
        if machine.stopped_at is not None:
            raise Gone(f"instance {self._instance.id} was stopped at {self._instance.place}")
        return machine

    def _current(self, operation: str) -> Machine:
        machine = self._living(operation)
        if self._label in machine.labels.get(self._rank, [])[:-1]:
            raise Gone(f"what instance {self._instance.id} was to run was replaced meanwhile")
        return machine

    def _status(self, machine: Machine, name: str) -> ScriptStatus:
        run = machine.runs.get((self._rank, name))
        if run is None:
            return ScriptStatus(ScriptState.ABSENT)
        ended_at = run.ended_at()
        stopped_at = machine.stopped_at if machine.stopped_at is not None else self._world.clock.now()
        if ended_at is not None and ended_at <= stopped_at:
            return ScriptStatus(ScriptState.EXITED, run.course.exit_code)
        return ScriptStatus(ScriptState.RUNNING if machine.stopped_at is None else ScriptState.LOST)
