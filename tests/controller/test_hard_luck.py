"""Rarer misfortunes than those of test_stories: none of them may wedge a service, or make the controller run hot."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from skyserve.contracts.errors import Gone
from skyserve.contracts.infra import LaunchOrder, Script
from skyserve.controller.archive import archive, archive_path, live_log
from skyserve.infra.simulated.behaviour import FOR_EVER, Course
from skyserve.infra.simulated.infra import SimulatedInfra
from skyserve.infra.simulated.shell import SimulatedShell
from skyserve.infra.simulated.world import Zone
from skyserve.model.instance import Instance, Inventory
from skyserve.model.resources import Offer, ResourceRequest
from skyserve.model.snapshot import Stage
from skyserve.model.view import ReplicaStatus, ServiceStatus
from skyserve.policy.placement.resting import LOSS_SECONDS
from tests.controller import scene as scenes
from tests.controller.scene import SERVICE, Scene
from tests.controller.test_stories import play, up, view

ONE = SERVICE.replace("replicas: 2", "replicas: 1")


def test_a_model_that_loads_for_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica whose probe fails thousands of times is probed on, and is ready when it answers at last."""

    async def story(scene: Scene) -> None:
        monkeypatch.setattr(scene, "_answers", lambda _: False)
        await scene.revive()
        patience = "readiness_probe: {path: /, initial_delay_seconds: 7200}"
        await up(scene, SERVICE.replace("readiness_probe: /health", patience))
        await scene.clock.sleep(3600)
        monkeypatch.setattr(scene.controller.world.prober._inner, "_answers", lambda _: True)  # type: ignore[attr-defined]
        await scene.clock.sleep(5)
        assert (await view(scene)).ready_replicas == 2

    play(tmp_path, story)


def test_the_only_room_is_far_down_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many places refuse, each rests, so that the one with room has its turn."""
    launch = SimulatedInfra.launch

    async def slow(infra: SimulatedInfra, order: LaunchOrder, token: str) -> Instance:
        await infra.world.clock.sleep(0.5)
        return await launch(infra, order, token)

    async def story(scene: Scene) -> None:
        monkeypatch.setattr(SimulatedInfra, "launch", slow)
        await up(scene, ONE)
        await scene.clock.sleep(60)
        assert len(scene.serving()) == 1

    full = [Zone(f"full-{number:02}", capacity=lambda _: 0) for number in range(16)]
    play(tmp_path, story, zones=(*full, Zone("room")))


def test_a_healthy_neighbour_does_not_excuse_one_that_crashes(tmp_path: Path) -> None:
    """One replica does well, the other never: it is tried ever more slowly, but not given up while the first serves."""

    def behave(instance: Instance, _rank: int, name: str, _script: Script) -> Course:
        well = name != "run" or instance.token.endswith("-1")
        return (FOR_EVER if name == "run" else Course()) if well else Course(exit_code=1)

    async def story(scene: Scene) -> None:
        scene.world.behaviour = behave
        await up(scene)
        await scene.clock.sleep(3600)
        assert len(scene.world.launches) < 40
        assert (await view(scene)).status is ServiceStatus.READY
        assert not (await view(scene)).stopped_reason
        scene.world.behaviour = lambda *about: FOR_EVER if about[2] == "run" else Course()
        await scene.until(lambda: len(scene.serving()) == 2)
        await scene.clock.sleep(70)
        assert scene.controller.reconcilers[0].service.failure_streak == 0

    play(tmp_path, story)


def test_an_infra_that_is_configured_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a restart without it, what runs there serves on, what fails there is replaced elsewhere, and `down` says
    what it waits for until it is purged."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        monkeypatch.setattr(scenes, "SimulatedInfra", lambda world: SimulatedInfra(world, "other"))
        await scene.revive()
        await scene.clock.sleep(30)
        assert scene.routed() == [1, 2]
        scene.world.end_script(scene.machine_of(1), "run", exit_code=137)
        await scene.until(lambda: scene.serving() == [2, 3])
        await scene.operations.down(["web"], purge=False)
        await scene.clock.sleep(60)
        seen = await view(scene)
        assert seen.status is ServiceStatus.FAILED_CLEANUP
        assert "simulated (a) is not configured any more" in seen.detail
        await scene.operations.down(["web"], purge=True)
        await scene.until(lambda: not scene.controller.reconcilers)

    play(tmp_path, story)


def test_an_infra_that_takes_long_to_tell_what_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer proves absence, though terminations were asked for again while it was given."""
    inventory = SimulatedInfra.inventory

    async def slow(infra: SimulatedInfra, owner: str) -> Inventory:
        answer = await inventory(infra, owner)
        await infra.world.clock.sleep(12)
        return answer

    async def story(scene: Scene) -> None:
        monkeypatch.setattr(SimulatedInfra, "inventory", slow)
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        await scene.operations.down(["web"], purge=False)
        await scene.clock.sleep(60)
        assert not scene.controller.reconcilers

    play(tmp_path, story)


def test_an_infra_that_takes_long_to_tell_what_it_offers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it who does not need it: a dead replica loses its traffic meanwhile."""
    offers = SimulatedInfra.offers

    async def slow(infra: SimulatedInfra, request: ResourceRequest, num_nodes: int) -> Sequence[Offer]:
        await infra.world.clock.sleep(25)
        return await offers(infra, request, num_nodes)

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        monkeypatch.setattr(SimulatedInfra, "offers", slow)
        await scene.clock.sleep(35)
        scene.world.end_script(scene.machine_of(1), "run", exit_code=137)
        await scene.clock.sleep(4)
        assert 1 not in scene.routed()

    play(tmp_path, story)


def test_a_read_that_fails_after_a_decision_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided is not decided again: no replica is created twice."""

    async def story(scene: Scene) -> None:
        store, failures = scene.controller.world.store, [OSError("disk I/O error")]
        load = store.load

        async def failing(service_id: int) -> Any:
            record = await load(service_id)
            if failures and record is not None and record.service.generation:
                raise failures.pop()
            return record

        monkeypatch.setattr(store, "load", failing)
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        assert not failures
        created = [event for _, event in await store.events(1) if event.kind == "create"]
        assert len(created) == 2

    play(tmp_path, story)


def test_a_read_that_fails_after_a_wish_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `down` that was recorded is heeded, though its user was told of a failure."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)

        async def failing(_service_id: int) -> Any:
            raise OSError("disk I/O error")

        with monkeypatch.context() as broken:
            broken.setattr(scene.controller.world.store, "load", failing)
            with pytest.raises(OSError, match="disk"):
                await scene.operations.down(["web"], purge=False)
        await scene.until(lambda: not scene.controller.reconcilers)
        assert not scene.world.machines

    play(tmp_path, story)


def test_a_log_is_followed_from_setup_into_run(tmp_path: Path) -> None:
    """The end of setup is not the end of the log."""

    def behave(_instance: Instance, _rank: int, name: str, _script: Script) -> Course:
        return Course(f"this is {name}\n".encode(), seconds=20)

    async def story(scene: Scene) -> None:
        scene.world.behaviour = behave
        await up(scene, ONE)
        await scene.clock.sleep(5)
        log = b"".join([c async for c in scene.operations.replica_log("web", 1, follow=True, tail=10)])
        assert log == b"this is setup\nthis is run\n"

    play(tmp_path, story)


def test_a_reader_of_many_nodes_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes on reading what nodes print, however much it is, once nobody listens."""

    async def endless(*_: object, **__: object) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            yield b"\n" * 100
            await asyncio.sleep(0)

    async def story(scene: Scene) -> None:
        await up(scene, ONE + "num_nodes: 3\n")
        await scene.until(lambda: len(scene.serving()) == 1)
        monkeypatch.setattr(SimulatedShell, "log", endless)
        (machine,) = scene.world.machines.values()
        before = asyncio.all_tasks()
        log = live_log(SimulatedInfra(scene.world), machine.instance, Stage.RUN, follow=True, tail=None)
        assert (await anext(log)).startswith(b"(node ")
        await scene.clock.sleep(1)
        await log.aclose()  # type: ignore[attr-defined]
        await scene.clock.sleep(1)
        assert not [t for t in asyncio.all_tasks() - before if "pump" in repr(t)]

    play(tmp_path, story)


def test_saved_logs_stay_as_long_as_their_replica(tmp_path: Path) -> None:
    """A second try to save them that finds no machine leaves what the first one saved; the row, which stays as long as
    the loss counts against its place, takes them along."""

    async def story(scene: Scene) -> None:
        scene.world.behaviour = lambda *about: Course(b"hello\n", seconds=None if about[2] == "run" else 0)
        await up(scene, ONE)
        await scene.until(lambda: len(scene.serving()) == 1)
        home, infra = scene.controller.world.home, SimulatedInfra(scene.world)
        (machine,) = scene.world.machines.values()
        saved = archive_path(home, 1, 1)
        await archive(saved, infra, machine.instance)
        scene.world.lose(machine.instance.id)
        with pytest.raises(Gone):
            await archive(saved, infra, machine.instance)
        assert saved.read_bytes() == b"hello\nhello\n"
        await scene.until(lambda: scene.serving() == [2])
        await scene.clock.sleep(LOSS_SECONDS - 60)
        assert saved.exists()
        await scene.clock.sleep(60)
        assert not saved.exists()

    play(tmp_path, story)


def test_a_host_is_taken_out_of_its_pool(tmp_path: Path) -> None:
    """What it runs is not taken for gone: while it serves it goes on; when it does not, it is replaced, told, and
    terminated once the host is back in the pool."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        removed = scene.world.zones.pop("a")
        await scene.clock.sleep(60)
        assert scene.serving() == [1, 2]
        machine = scene.machine_of(1)
        scene.world.end_script(machine, "run", exit_code=1)
        await scene.until(lambda: scene.serving() == [2, 3])
        await scene.clock.sleep(60)
        assert machine in scene.world.machines
        told = next(r for r in (await view(scene)).replicas if r.replica_id == 1)
        assert told.status is ReplicaStatus.FAILED_CLEANUP
        assert "simulated (a) is not configured any more" in told.detail
        scene.world.zones["a"] = removed
        await scene.until(lambda: machine not in scene.world.machines)

    play(tmp_path, story)
