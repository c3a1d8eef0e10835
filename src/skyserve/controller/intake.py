"""What every new version goes through: is there a machine for it, and what do its files hold?"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from skyserve.controller.own_policies import check_policy
from skyserve.controller.settling import below, settled
from skyserve.controller.world import World
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.resources import Offer
from skyserve.spec.describe import no_fit_remedy, requested_resources
from skyserve.spec.sameness import Trees
from skyserve.spec.supported import refuse_unsupported
from skyserve.spec.target import target_of
from skyserve.spec.task import Task

WORKDIR = "~/sky_workdir"
"""Where the workdir is inside a replica, as users know it."""


class Taken(NamedTuple):
    """A task that may become a version."""

    task: Task
    """As it is recorded."""
    trees: Trees
    offers: list[Offer]
    """What it could run on."""

    def document(self, name: str) -> str:
        """The task as the store keeps it, under the service's name."""
        return self.task.model_copy(update={"name": name}).model_dump_json()


class _LocalFile(NamedTuple):
    key: str
    """Where the YAML names it."""
    destination: str
    source: Path


class Intake:
    """Takes tasks in, one at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.admission = asyncio.Lock()
        """Held while a task is taken in and recorded: its files must not be collected meanwhile."""

    async def take(self, task: Task, base: Path, former: Task | None = None) -> Taken:
        """Look for machines and pack the files. `base`: where relative paths begin; `former`: the version before.

        Raises SpecError, and ServeError where no machine fits, or a file cannot be read or used.
        """
        refuse_unsupported(task)
        task = settled(task, base, former)
        self._world.fleet.refresh()
        offers = await self.offers(task)
        if not offers:
            raise await self._nowhere(task)
        return Taken(task, await self.pack(task, base), offers)

    async def pack(self, task: Task, base: Path) -> Trees:
        """What the task's files hold now. Raises SpecError, ServeError for what cannot be read or used."""
        refuse_unsupported(task)
        target = target_of(settled(task, base, None))
        await self._world.certificates.check(target.endpoint)
        await check_policy(target, self._world.home)
        trees = {file.destination: await self._tree(file, base) for file in _local_files(task, base)}
        return tuple(trees.items())

    async def _tree(self, file: _LocalFile, base: Path) -> str:
        try:
            return (await self._world.content.pack(file.source)).id
        except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
            raise ServeError(
                ErrorKind.INVALID_REQUEST,
                f"{file.key}: {error.filename} cannot be read: {error.strerror}.",
                f"Write a path that is there; a relative one begins at {base}.",
            ) from None

    async def offers(self, task: Task) -> list[Offer]:
        """What the task could run on, the first choice first. Nothing where spot machines alone are asked for, and none
        is sold: on-demand machines only stand in for them."""
        target = target_of(task)
        await check_policy(target, self._world.home)
        offers = list(await self._world.fleet.offers(target))
        if all(request.use_spot for request in target.requests) and not any(offer.spot for offer in offers):
            return []
        return offers if target.ordered else sorted(offers, key=lambda o: (o.hourly_usd, o.place))

    async def _nowhere(self, task: Task) -> ServeError:
        checks = await self._world.fleet.check()
        found = "; ".join(f"{c.infra}: {c.reason}" for c in checks)
        return ServeError(
            ErrorKind.UNAVAILABLE,
            f"No machine fits {requested_resources(task)}. {found}",
            f"{no_fit_remedy(task)} See `sky check -v` for what there is.",
        )


def _local_files(task: Task, base: Path) -> Iterator[_LocalFile]:
    """Everything that travels from this machine."""
    sources = {WORKDIR: task.workdir} if isinstance(task.workdir, str) else {}
    sources |= {dst: src for dst, src in task.file_mounts.items() if isinstance(src, str)}
    for destination, source in sources.items():
        key = "workdir" if destination == WORKDIR else f"file_mounts.{destination}"
        yield _LocalFile(key, destination, below(base, source).resolve())
