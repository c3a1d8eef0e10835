"""What users do: they bring a service up, end replicas, take services down and bring them up again; they ask again when
they were not answered, and sometimes go away before they are."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from skyserve.contracts.errors import InfraError, NameTaken, Superseded
from skyserve.controller.operations import ControllerOperations
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.rollout import UpdateMode
from skyserve.model.service import Goal
from skyserve.sim.faithful.books import Book, Books
from skyserve.sim.faithful.faults import Fault, Faults
from skyserve.sim.faithful.history import History
from skyserve.sim.faithful.scenario import Scenario
from skyserve.sim.stage import Stage
from skyserve.spec.parse import parse_task

NAME = "web"
SECOND = "api"
"""A second service of the same task, now and then."""
PAUSE_SECONDS = 10.0
"""How often a user thinks of something."""

TOLD = (ServeError, NameTaken, Superseded, InfraError, SQLAlchemyError)
"""What a user may be told; anything else is a fault of the controller."""

WISHES = (
    *("terminate", "terminate", "down", "purge", "second", "plan", "history"),
    *("update", "update", "update", "update", "rollback", "pause", "resume"),
)
"""What users think of; what is named more often they think of more often."""

Request = Callable[[ControllerOperations], Awaitable[object]]


class People:
    """The users of one run."""

    def __init__(self, scenario: Scenario, stage: Stage, books: Books, faults: Faults, history: History) -> None:
        self._tasks = [parse_task(text, filename="service.yaml") for text in scenario.tasks]
        self._restless = scenario.restless
        self._stage = stage
        self._books = books
        self._faults = faults
        self._random = faults.random
        self._history = history

    async def live(self) -> None:
        """Until cancelled."""
        await self.have_service()
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            if not self._faults.calm and self._random.random() < self._restless:
                await self._do_something()

    async def have_service(self) -> None:
        """Ask until the service is there and to run."""
        while (book := self._book(NAME)) is None or book.service.goal is not Goal.RUN:
            await self._up(NAME)
            await asyncio.sleep(self._random.uniform(1, 10))

    async def have_none(self) -> None:
        """Ask until every service is to go down."""
        while any(book.service.goal is Goal.RUN for book in self._books.open.values()):
            await self._ask("down all", lambda operations: operations.down(None, purge=False))
            await asyncio.sleep(1)

    async def mend(self, book: Book) -> None:
        """Do what the service asks for: let a held update go on, or go back from a version for which launching stopped
        to one that can work."""
        name, rollout = book.service.name, book.service.rollout
        if rollout is not None and rollout.paused_at is not None:
            await self._ask(f"resume {name}", lambda operations: operations.resume(name))
        earlier = [n for n in sorted(book.targets) if n not in book.hopeless and n != book.wanted_version]
        failed = rollout is not None or book.wanted_version in book.hopeless
        if book.service.stopped_reason and earlier and failed:
            await self._ask(f"rollback {name}", lambda operations: operations.rollback(name, earlier[-1]))

    async def begin_anew(self, name: str) -> None:
        """Take a service down that has given up, and bring it up again."""
        while (book := self._book(name)) is not None:
            if book.service.goal is Goal.RUN:
                await self._down(name, purge=False)
            await asyncio.sleep(1)
        await self.have_service()

    def _book(self, name: str) -> Book | None:
        return next((book for book in self._books.open.values() if book.service.name == name), None)

    async def _do_something(self) -> None:
        kind = self._random.choice(WISHES)
        book = self._book(self._random.choice((NAME, SECOND)))
        if kind == "second":
            await self._up(SECOND)
        elif book is None:
            return
        elif kind == "terminate":
            await self._terminate(book)
        elif kind in ("down", "purge"):
            await self._down(book.service.name, purge=kind == "purge")
            if book.service.name == NAME:
                await self.have_service()
        else:
            await self._change(kind, book.service.name)

    async def _change(self, kind: str, name: str) -> None:
        task, mode = self._random.choice(self._tasks), self._random.choice((None, *UpdateMode))
        requests: dict[str, Request] = {
            "update": lambda operations: operations.update(task, name, Path("/"), mode),
            "rollback": lambda operations: operations.rollback(name, None),
            "pause": lambda operations: operations.pause(name),
            "resume": lambda operations: operations.resume(name),
            "history": lambda operations: operations.history(name),
            "plan": lambda operations: operations.plan(name),
        }
        await self._ask(f"{kind} {name}", requests[kind])

    async def _up(self, name: str) -> None:
        await self._ask(f"up {name}", lambda operations: operations.up(self._tasks[0], name, Path("/")))

    async def _down(self, name: str, *, purge: bool) -> None:
        words = f"down {name}{' --purge' if purge else ''}"
        await self._ask(words, lambda operations: operations.down([name], purge))

    async def _terminate(self, book: Book) -> None:
        replica_id, purge = self._random.randint(1, book.next_id), self._random.random() < 0.2
        name, words = book.service.name, f"terminate {book.service.name} {replica_id}{' --purge' if purge else ''}"
        await self._ask(words, lambda operations: operations.terminate_replica(name, replica_id, purge))

    async def _ask(self, words: str, request: Request) -> None:
        """Ask once, whether a controller is there or not."""
        if self._stage.gate.closed.is_set():
            self._history.tell(f"user: {words}: nobody answers")
            return
        asking = asyncio.ensure_future(self._stage.or_crash(request(self._stage.operations)))
        self._stage.outside.add(asking)
        asking.add_done_callback(self._stage.outside.discard)
        if self._faults.strikes(Fault.USER_GIVES_UP):
            await asyncio.wait([asking], timeout=self._random.uniform(0, 0.2))
        else:
            await asyncio.wait([asking])
        if not asking.done():
            asking.cancel()
            self._history.tell(f"user: {words}: gives up")
            return
        error = asking.exception()
        self._history.tell(f"user: {words}: {type(error).__name__ + f' {error}' if error else 'done'}")
        if error is not None and (not isinstance(error, TOLD) or _internal(error)):
            raise error


def _internal(error: BaseException) -> bool:
    return isinstance(error, ServeError) and error.kind is ErrorKind.INTERNAL
