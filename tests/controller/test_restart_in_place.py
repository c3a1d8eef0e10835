"""A replica's task is stopped and begun anew on the machine that it has."""

from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from skyserve.contracts.errors import Transient
from skyserve.contracts.infra import Script
from skyserve.contracts.store import Record
from skyserve.controller.archive import archive_path, forget_logs
from skyserve.controller.former_logs import RUNS_KEPT, former_logs, former_path
from skyserve.controller.tasks import TaskBoard
from skyserve.controller.versions import VersionBook
from skyserve.infra.simulated.behaviour import FOR_EVER, Course
from skyserve.model.instance import Instance
from skyserve.model.replica import Replica
from skyserve.model.snapshot import Stage, TaskStatus
from tests.controller.scene import SERVICE, Scene
from tests.controller.test_stories import play, up
from tests.controller.updating import begin, by_version, complete, served, text, update

IN_PLACE = "  update: {max_surge: 0, max_unavailable: 1}\n"


@dataclass
class Act:
    """A service of one replica that serves, and a board of drivers beside the controller's own."""

    scene: Scene
    board: TaskBoard
    record: Record
    replica: Replica

    def begin(self, renewals: int) -> Replica:
        """Drive the replica as its row would be after so many renewals."""
        renewed = replace(self.replica, renewals=renewals)
        book = VersionBook()
        book.read(self.record.versions)
        self.board.begin(self.record, renewed, book.document(1), book.wanted.target)
        return renewed

    async def runs(self, renewed: Replica) -> None:
        """Wait until its run has begun."""
        await self.scene.until(lambda: self.board.status(renewed) == TaskStatus(Stage.RUN))

    @property
    def started_at(self) -> dict[str, float]:
        """When each script on the machine was started."""
        (machine,) = self.scene.world.machines.values()
        return {name: run.started_at for (_, name), run in machine.runs.items()}


def act(folder: Path, story: Callable[[Act], Coroutine[Any, Any, None]]) -> None:
    """Tell a story of such a service, whose scripts say when they were started."""

    async def told(scene: Scene) -> None:
        def behave(_instance: Instance, _rank: int, name: str, _script: Script) -> Course:
            said = f"{name} at {scene.clock.now():.0f}\n".encode()
            return replace(FOR_EVER if name == "run" else Course(), output=said)

        scene.world.behaviour = behave
        await up(scene, SERVICE.replace("replicas: 2", "replicas: 1"))
        await scene.until(lambda: scene.serving() == [1])
        world = scene.controller.world
        record = await world.store.load(1)
        assert record is not None
        board = TaskBoard(world, lambda: None)
        try:
            await story(Act(scene, board, record, record.replicas[0]))
        finally:
            await board.close()

    play(folder, told)


def test_setup_and_run_are_begun_anew(tmp_path: Path) -> None:
    """After a renewal the task goes through all its stages once more, on the same machine; what the run before still
    tells is told to nobody."""

    async def story(on: Act) -> None:
        before = on.begin(0)
        await on.runs(before)
        old = on.started_at
        await on.scene.clock.sleep(100)
        renewed = on.begin(1)
        assert on.board.status(before) is None
        await on.runs(renewed)
        assert {name: at - old[name] > 99 for name, at in on.started_at.items()} == {"setup": True, "run": True}
        assert len(on.scene.world.launches) == 1

    act(tmp_path, story)


def test_the_next_controller_goes_on(tmp_path: Path) -> None:
    """A board that begins a run which is under way already leaves it alone, whatever it was told before."""

    async def story(on: Act) -> None:
        await on.runs(on.begin(1))
        old = on.started_at
        await on.board.close()
        await on.scene.clock.sleep(100)
        await on.runs(on.begin(1))
        assert on.started_at == old

    act(tmp_path, story)


@pytest.mark.parametrize(
    ("operation", "after"),
    [("log", False), *((operation, after) for operation in ("renew", "put", "start") for after in (False, True))],
)
def test_a_machine_that_does_not_answer_is_asked_again(tmp_path: Path, operation: str, after: bool) -> None:
    """Whichever call fails on the way, whether it had its effect or not, the run is begun, and once."""

    async def story(on: Act) -> None:
        old = on.started_at
        await on.scene.clock.sleep(100)
        on.scene.world.fail(operation, Transient("no answer"), times=2, after=after)
        await on.runs(on.begin(1))
        assert all(at > old[name] for name, at in on.started_at.items())

    act(tmp_path, story)


def test_a_machine_that_is_lost_half_way(tmp_path: Path) -> None:
    """The driver ends without a word: the loss is for the infra to tell, and the replica is replaced."""

    async def story(on: Act) -> None:
        on.scene.world.fail("renew", Transient("no answer"), times=3)
        renewed = on.begin(1)
        await on.scene.clock.sleep(1)
        (machine,) = on.scene.world.machines.values()
        on.scene.world.lose(machine.instance.id)
        await on.scene.until(lambda: on.scene.serving() == [2])
        assert on.board.status(renewed) == TaskStatus(Stage.FILES)

    act(tmp_path, story)


def test_earlier_logs_are_kept_and_shown(tmp_path: Path) -> None:
    """What earlier runs printed is saved before they are stopped, the last of them, and goes with the replica's row."""

    async def story(on: Act) -> None:
        home = on.scene.controller.world.home
        for renewals in range(RUNS_KEPT + 2):
            renewed = on.begin(renewals)
            await on.runs(renewed)
            await on.scene.clock.sleep(100)
        shown = b"".join([chunk async for chunk in former_logs(home, renewed)]).decode().splitlines()
        assert [line for line in shown if line.startswith("---")] == [
            *(f"--- run {number}, before the replica was restarted ---" for number in (2, 3, 4)),
            "--- run 5 ---",
        ]
        assert len([line for line in shown if line.startswith(("setup at", "run at"))]) == 2 * RUNS_KEPT
        assert former_path(home, renewed, 3).stat().st_mode & 0o077 == 0
        assert not archive_path(home, 1, 1).exists()
        forget_logs(home, 1, 1)
        assert not list(home.service_logs(1).iterdir())

    act(tmp_path, story)


def test_logs_that_take_too_long_do_not_hold_up_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could be read in time is kept, and the task is begun anew."""

    async def story(on: Act) -> None:
        async def slow(*_: object, **__: object) -> AsyncIterator[bytes]:
            yield b"the beginning\n"
            await on.scene.clock.sleep(3600)

        monkeypatch.setattr("skyserve.controller.archive.live_log", slow)
        renewed = on.begin(1)
        await on.runs(renewed)
        saved = former_path(on.scene.controller.world.home, renewed, 0)
        assert saved.read_bytes() == b"the beginning\n"

    act(tmp_path, story)


def test_an_update_shows_both_runs_of_a_replica(tmp_path: Path) -> None:
    """A user who asks for a replica's log sees what ran before the update and what runs now; its last lines are of
    what runs now."""

    async def story(scene: Scene) -> None:
        await begin(scene, text("serve", replicas=1))
        await update(scene, text("serve --fast", IN_PLACE, replicas=1))
        await scene.until(lambda: complete(scene))

        async def printed(tail: int | None) -> list[str]:
            chunks = [c async for c in scene.operations.replica_log("web", 1, follow=False, tail=tail)]
            return b"".join(chunks).decode().splitlines()

        shown = await printed(None)
        before, now = shown.index("--- run 1, before the replica was restarted ---"), shown.index("--- run 2 ---")
        assert "serve" in shown[before:now]
        assert "serve --fast" in shown[now:]
        assert await printed(1) == ["serve --fast"]

    play(tmp_path, story)


def test_a_restart_that_was_written_and_not_acted_upon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a restart is recorded and the controller stumbles before it acts, what still runs is not taken for what is
    to come: nothing is ready before the new task runs."""

    async def story(scene: Scene) -> None:
        await begin(scene, text("serve"))
        store, stumbles = scene.controller.world.store, [OSError("disk I/O error")]
        load = store.load

        async def failing(service_id: int) -> Any:
            record = await load(service_id)
            if stumbles and record is not None and any(r.renewals for r in record.replicas):
                raise stumbles.pop()
            return record

        monkeypatch.setattr(store, "load", failing)
        await update(scene, text("serve --fast", IN_PLACE))
        await scene.until(lambda: complete(scene))
        assert not stumbles
        assert by_version(scene) == {2: 2}
        assert served(scene) == {"serve --fast"}

    play(tmp_path, story)
