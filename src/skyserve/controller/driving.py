"""Brings a user's task onto a replica's machines and watches it: files, then setup, then run, on every node. Where
another ran there before, that is stopped first.

Every step can be repeated: a driver that starts after a crash goes on from wherever the machines say it stands, and
never sends files below a setup or run that has begun.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from skyserve.contracts.clock import Clock
from skyserve.contracts.content import ContentStore
from skyserve.contracts.errors import Gone, InfraError, Transient
from skyserve.contracts.infra import Script, ScriptState, ScriptStatus, Shell
from skyserve.model.snapshot import Stage, TaskStatus

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""How often a running script is asked whether it has ended."""
RETRY_SECONDS = 2.0
"""Pause after a machine could not be reached."""
LOST_EXIT_CODE = 137
"""What a script counts as whose processes were killed before it could leave an exit code (128 + SIGKILL)."""
DETAIL_LINES = 5
DETAIL_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Work:
    """What to bring onto the machines."""

    files: tuple[tuple[str, str], ...]
    """(destination, tree id)"""
    setup: tuple[Script | None, ...]
    """By rank; None: no setup."""
    run: tuple[Script | None, ...]
    label: str
    """Tells this task from others that the machines ran."""


class TaskDriver:
    """The user's task on all nodes of one replica."""

    def __init__(
        self,
        work: Work,
        shells: Sequence[Shell],
        content: ContentStore,
        clock: Clock,
        publish: Callable[[TaskStatus], None],
        part: Callable[[], Awaitable[None]],
    ) -> None:
        """`part`: what is to be done before anything else that runs there is stopped; may be asked for again."""
        self._work = work
        self._shells = shells
        self._content = content
        self._clock = clock
        self._publish = publish
        self._part = part

    async def drive(self) -> None:
        """Go on until the task has ended for good, the machine is gone, or we are cancelled."""
        while True:
            try:
                await self._through_the_stages()
                return
            except Gone:
                return
            except InfraError as error:
                log.info("the task waits for its machine: %s", error)
                await self._clock.sleep(RETRY_SECONDS)

    async def _through_the_stages(self) -> None:
        await self._part()
        await asyncio.gather(*(shell.renew(self._work.label) for shell in self._shells))
        if not await self._begun(Stage.RUN):
            if not await self._begun(Stage.SETUP) and not await self._send_files():
                return
            if not await self._stage(Stage.SETUP, self._work.setup):
                return
        await self._stage(Stage.RUN, self._work.run)

    async def _begun(self, stage: Stage) -> bool:
        states = await self._statuses(stage)
        return any(status.state is not ScriptState.ABSENT for status in states)

    async def _send_files(self) -> bool:
        self._publish(TaskStatus(Stage.FILES))
        try:
            for destination, tree_id in self._work.files:
                tree = await self._content.tree(tree_id)
                await asyncio.gather(*(shell.put(tree, self._content, destination) for shell in self._shells))
        except (Gone, Transient):
            raise
        except (InfraError, OSError, KeyError) as error:
            self._publish(TaskStatus(Stage.FILES, 1, str(error)))
            return False
        return True

    async def _stage(self, stage: Stage, scripts: Sequence[Script | None]) -> bool:
        """Start the stage on every node and wait for its end. True: all nodes ended with 0."""
        present = [(shell, s) for shell, s in zip(self._shells, scripts, strict=True) if s is not None]
        if not present:
            self._publish(TaskStatus(stage, 0))
            return True
        await asyncio.gather(*(shell.start(stage, script) for shell, script in present))
        self._publish(TaskStatus(stage))
        while True:
            statuses = await self._statuses(stage)
            failed = [rank for rank, status in enumerate(statuses) if _code(status)]
            if failed:
                await self._fail(stage, failed[0], _code(statuses[failed[0]]) or 1)
                return False
            if all(status.state is ScriptState.EXITED for status in statuses):
                self._publish(TaskStatus(stage, 0))
                return True
            await self._clock.sleep(POLL_SECONDS)

    async def _statuses(self, stage: Stage) -> list[ScriptStatus]:
        return list(await asyncio.gather(*(shell.status(stage) for shell in self._shells)))

    async def _fail(self, stage: Stage, rank: int, code: int) -> None:
        last = await last_lines(self._shells[rank], stage)
        where = f"node {rank}: " if len(self._shells) > 1 else ""
        self._publish(TaskStatus(stage, code, f"{where}{last}"))


def _code(status: ScriptStatus) -> int | None:
    return LOST_EXIT_CODE if status.state is ScriptState.LOST else status.exit_code


async def last_lines(shell: Shell, name: str) -> str:
    """The end of a script's log on one line, for a user to see why it failed."""
    chunks = [chunk async for chunk in shell.log(name, tail=DETAIL_LINES)]
    text = b"".join(chunks).decode(errors="replace")
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())[-DETAIL_CHARACTERS:]


def scripts(body: str | None, environments: Sequence[Mapping[str, str]]) -> tuple[Script | None, ...]:
    """The same body for every node, each with its own environment."""
    return tuple(Script(body, environment) if body else None for environment in environments)
