"""The simulated world."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from skyserve.contracts.errors import Transient
from skyserve.contracts.infra import Infra, Script
from skyserve.infra.simulated.behaviour import Course
from skyserve.infra.simulated.infra import SimulatedInfra
from skyserve.infra.simulated.world import World
from skyserve.model.instance import Instance
from tests.contract.bench import Bench, Play


class _StandingClock:
    """Nothing in the suite takes time in the simulated world."""

    def now(self) -> float:
        return 1_700_000_000.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the suite made the simulated world wait")


class SimulatedBench(Bench):
    """Plays become courses, by the body of their script."""

    def __init__(self) -> None:
        self._plays: dict[str, Play] = {}
        self._world = World(_StandingClock(), behaviour=self._course)

    def infra(self) -> Infra:
        return SimulatedInfra(self._world)

    def lose_next_launch(self) -> None:
        self._world.fail("launch", Transient("the reply was lost"), after=True)

    def lose_next_renewal(self) -> None:
        self._world.fail("renew", Transient("the reply was lost"), after=True)

    async def kill(self, instance: Instance) -> None:
        self._world.preempt(instance.id)

    def script(self, play: Play) -> Script:
        body = f"play {len(self._plays)}"
        self._plays[body] = play
        return Script(body)

    def _course(self, _instance: Instance, _rank: int, _name: str, script: Script) -> Course:
        play = self._plays[script.body]
        output = "".join(f"{line}\n" for line in play.prints).encode()
        return Course(output, seconds=None if play.exit_code is None else 0.0, exit_code=play.exit_code or 0)


@asynccontextmanager
async def simulated() -> AsyncIterator[Bench]:
    """In memory."""
    yield SimulatedBench()


BENCHES = [simulated]
REAL = False
