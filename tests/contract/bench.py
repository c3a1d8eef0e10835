"""What the suite needs to know of an infra under test.

A module of benches/ has a list BENCHES of functions `() -> AbstractAsyncContextManager[Bench]`, each named after its
infra; they call pytest.skip where it cannot be had. TYPICAL names those that are enough for what does not depend on how
port spaces are made (default: all); REAL = False says that no bash runs there.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from skyserve.contracts.infra import Infra, LaunchOrder, Script, ScriptState, ScriptStatus, Shell
from skyserve.model.instance import Instance
from skyserve.model.resources import Accelerators, Amount, ResourceRequest

T = TypeVar("T")

OWNER = "contract-suite"
_DEADLINE = 60.0
"""Seconds that a loaded machine may take for what takes well under one."""


@dataclass(frozen=True, slots=True)
class Play:
    """What a script is to do, for infras that run bash and for those that do not."""

    prints: tuple[str, ...] = ()
    exit_code: int | None = 0
    """None: it runs until its machine goes."""


class Bench(ABC):
    """One infra under test, in a world of its own."""

    reaches_peers = True
    """num_nodes > 1 works."""

    @abstractmethod
    def infra(self) -> Infra:
        """A new object over the same world, as a controller has after its restart. The bench closes it."""

    @abstractmethod
    def lose_next_launch(self) -> None:
        """Let the next launch succeed, and its reply be lost."""

    @abstractmethod
    def lose_next_renewal(self) -> None:
        """Let the next renewal succeed, and its reply be lost."""

    @abstractmethod
    async def kill(self, instance: Instance) -> None:
        """kill -9 whatever holds the instance's processes together, behind the infra's back."""

    def script(self, play: Play) -> Script:
        """A script that does what `play` says."""
        lines = [f"echo '{line}'" for line in play.prints]
        lines.append("exec sleep infinity" if play.exit_code is None else f"exit {play.exit_code}")
        return Script("\n".join(lines))

    def traces(self) -> set[str]:
        """All there is on the machine for this bench's instances: processes, links, rules, mounts, files."""
        return set()

    @property
    def host_address(self) -> str:
        """An address of this machine that replicas reach."""
        raise NotImplementedError

    @property
    def cpus(self) -> float:
        """How many cpus the first machine that is offered lends in all."""
        raise NotImplementedError

    def pretend_gpus(self, *names: str) -> None:
        """Let the machine seem to have these devices."""
        raise NotImplementedError

    async def launch(
        self,
        infra: Infra,
        token: str = "1-1",
        *,
        ports: tuple[int, ...] = (8080,),
        num_nodes: int = 1,
        cpus: float | None = None,
        gpus: Accelerators | None = None,
        owner: str = OWNER,
    ) -> Instance:
        """Launch at the first offer and wait until it is RUNNING."""
        request = ResourceRequest(cpus=Amount(cpus) if cpus else None, accelerators=gpus)
        offers = await infra.offers(request, num_nodes)
        assert offers, f"{infra.name} offers nothing for {request}"
        replica_id = int(token.rpartition("-")[2])
        order = LaunchOrder(owner, "hello", replica_id, offers[0], num_nodes, ports)
        return await infra.launch(order, token)

    async def finish(self, shell: Shell, name: str) -> ScriptStatus:
        """The status of a script once it runs no more."""

        async def ended() -> ScriptStatus | None:
            status = await shell.status(name)
            return status if status.state is not ScriptState.RUNNING else None

        return await until(ended)

    async def output(self, shell: Shell, name: str, *, tail: int | None = None, follow: bool = False) -> str:
        """All of a script's log, as text."""
        return b"".join([chunk async for chunk in shell.log(name, tail=tail, follow=follow)]).decode()


async def until(look: Callable[[], Awaitable[T | None]]) -> T:
    """Look again and again until something is seen."""
    deadline = time.monotonic() + _DEADLINE
    while (seen := await look()) is None:
        assert time.monotonic() < deadline, f"not seen in {_DEADLINE:g} s: {look.__qualname__}"
        await asyncio.sleep(0.05)
    return seen
