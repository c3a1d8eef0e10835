"""What the controller makes of a world in which things go wrong: whole stories on virtual time."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from skyserve.contracts.errors import NameTaken, NoCapacity, Transient
from skyserve.contracts.infra import LaunchOrder, Script
from skyserve.infra.simulated.behaviour import FOR_EVER, Course
from skyserve.infra.simulated.infra import SimulatedInfra
from skyserve.infra.simulated.world import Zone
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.instance import Instance
from skyserve.model.view import ReplicaStatus, ServiceStatus, ServiceView
from skyserve.sim.virtual import run_virtual
from skyserve.spec.errors import SpecError
from tests.controller.scene import SERVICE, Scene, task

Story = Callable[[Scene], Coroutine[Any, Any, None]]


def play(folder: Path, story: Story, zones: tuple[Zone, ...] = (Zone("a"), Zone("b"))) -> None:
    """A scene with a controller, the story, the end."""

    async def scene() -> None:
        stage = Scene(folder, zones)
        await stage.begin()
        try:
            await story(stage)
        finally:
            await stage.end()

    run_virtual(scene())


async def up(scene: Scene, text: str = SERVICE, name: str = "web") -> None:
    """Ask for a service."""
    await scene.operations.up(task(text), name, scene.folder)


async def view(scene: Scene, name: str = "web") -> ServiceView:
    """What a user sees of it."""
    (found,) = await scene.operations.services([name])
    return found


def statuses(seen: ServiceView) -> list[ReplicaStatus]:
    """Words of all replicas."""
    return [replica.status for replica in seen.replicas]


def fails(exit_code: int, *, stage: str = "run") -> Callable[[Instance, int, str, Script], Course]:
    """A task one of whose scripts fails at once."""

    def behave(_instance: Instance, _rank: int, name: str, _script: Script) -> Course:
        if name == stage:
            return Course(output=b"no such module\n", exit_code=exit_code)
        return FOR_EVER if name == "run" else Course()

    return behave


def test_a_service_becomes_ready(tmp_path: Path) -> None:
    """Two replicas, one a zone; files arrive, setup ends, run goes on, and the words follow."""

    async def story(scene: Scene) -> None:
        await up(scene)
        assert (await view(scene)).status is ServiceStatus.REPLICA_INIT
        await scene.until(lambda: len(scene.serving()) == 2)
        seen = await view(scene)
        assert (seen.status, seen.ready_replicas, seen.endpoint) == (ServiceStatus.READY, 2, "http://127.0.0.1:30001")
        assert {r.infra for r in seen.replicas} == {"simulated (a)", "simulated (b)"}
        machine = next(iter(scene.world.machines.values()))
        assert list(machine.trees) == [(0, "~/sky_workdir")]
        assert {name for _, name in machine.runs} == {"setup", "run"}

    play(tmp_path, story)


def test_no_capacity_goes_elsewhere(tmp_path: Path) -> None:
    """A zone that refuses is passed over, and the user can read why."""

    async def story(scene: Scene) -> None:
        scene.world.fail("launch", NoCapacity("8 GPUs asked, 0 free"), zone="a", times=100)
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        assert {m.zone.name for m in scene.world.machines.values()} == {"b"}
        await scene.clock.sleep(10)
        told = [r for r in (await view(scene)).replicas if r.status is ReplicaStatus.FAILED_PROVISION]
        assert [r.detail for r in told] == ["8 GPUs asked, 0 free"]

    play(tmp_path, story)


def test_no_capacity_anywhere_waits(tmp_path: Path) -> None:
    """Where nothing is free the service says so with the infra's numbers, and goes on once there is room."""

    async def story(scene: Scene) -> None:
        room = 0
        scene.world.zones["a"].capacity = lambda _now: room
        await up(scene)
        await scene.clock.sleep(30)
        seen = await view(scene)
        assert seen.status is ServiceStatus.FAILED
        assert "asked for 1, 0 of 0 free" in seen.detail
        room = 5
        await scene.until(lambda: len(scene.serving()) == 2)

    play(tmp_path, story, zones=(Zone("a"),))


def test_a_lost_reply_starts_one_machine(tmp_path: Path) -> None:
    """A launch that succeeded, but whose reply was lost, is asked for again and found."""

    async def story(scene: Scene) -> None:
        scene.world.fail("launch", Transient("connection reset"), times=2, after=True)
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        assert len(scene.world.launches) == 2

    play(tmp_path, story)


def test_a_dark_zone_is_replaced_and_fenced(tmp_path: Path) -> None:
    """A zone that is cut off loses its replica to another; when it is back, the old machine is terminated, and in
    between it gets no traffic."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        (old,) = [i for i, m in scene.world.machines.items() if m.zone.name == "a"]
        scene.world.cut("a")
        await scene.until(lambda: len(scene.serving()) == 2)
        assert old in scene.world.machines
        assert 1 not in scene.routed()
        scene.world.heal("a")
        await scene.until(lambda: old not in scene.world.machines)
        assert len(scene.serving()) == 2

    play(tmp_path, story)


def test_a_broken_setup_stops_with_its_reason(tmp_path: Path) -> None:
    """A version that never works is tried a few rounds, then launching stops, and status shows the log's last lines."""

    async def story(scene: Scene) -> None:
        scene.world.behaviour = fails(2, stage="setup")
        await up(scene)
        await scene.clock.sleep(310)
        launched = len(scene.world.launches)
        await scene.clock.sleep(900)
        assert len(scene.world.launches) == launched <= 8
        seen = await view(scene)
        assert seen.status is ServiceStatus.FAILED
        assert "launching stopped" in seen.detail
        assert "`setup` exited with code 2: no such module" in seen.detail
        assert set(statuses(seen)) == {ReplicaStatus.FAILED}
        assert not scene.world.machines

    play(tmp_path, story)


def test_a_server_that_crashes_later_is_replaced_for_long(tmp_path: Path) -> None:
    """A version that once worked is tried for more than an hour, ever more slowly."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        scene.world.behaviour = fails(3)
        for machine in list(scene.world.machines):
            scene.world.end_script(machine, "run", exit_code=3)
        await scene.clock.sleep(700)
        midway = len(scene.world.launches)
        assert (await view(scene)).status is ServiceStatus.FAILED
        await scene.clock.sleep(310)
        assert midway < len(scene.world.launches) < 50

    play(tmp_path, story)


def test_a_replica_that_never_answers_fails_its_initial_delay(tmp_path: Path) -> None:
    """Ready in time, or replaced; the word is FAILED_INITIAL_DELAY."""

    async def story(scene: Scene) -> None:
        scene.world.behaviour = lambda *_: Course()  # run ends with 0 and nothing answers
        await up(
            scene, SERVICE.replace("readiness_probe: /health", "readiness_probe: {path: /, initial_delay_seconds: 60}")
        )
        await scene.clock.sleep(55)
        assert set(statuses(await view(scene))) == {ReplicaStatus.STARTING}
        await scene.until(lambda: len(scene.world.launches) > 2)
        await scene.clock.sleep(5)
        assert ReplicaStatus.FAILED_INITIAL_DELAY in statuses(await view(scene))

    play(tmp_path, story)


def test_what_nobody_asked_for_is_terminated(tmp_path: Path) -> None:
    """Machines with our tag that no row claims go, those of services that are no more too; those of others stay."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        infra = SimulatedInfra(scene.world)
        owner = scene.controller.world.owner
        offer = next(iter(scene.world.machines.values())).offer
        for number, (who, token) in enumerate([(owner, "1-77"), (owner, "99-1"), ("somebody", "1-1")]):
            await infra.launch(LaunchOrder(who, "web", number, offer), token=token)
        await scene.clock.sleep(30)
        left = {(m.instance.owner == owner, m.instance.token) for m in scene.world.machines.values()}
        assert left == {(True, "1-1"), (True, "1-2"), (False, "1-1")}

    play(tmp_path, story)


def test_the_user_ends_one_replica(tmp_path: Path) -> None:
    """It drains, goes, and another takes its place; ending it again is refused with what to do instead."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        scene.plane.in_flight[1, 1] = 1
        await scene.operations.terminate_replica("web", 1, purge=False)
        with pytest.raises(ServeError, match="lets its requests finish") as refused:
            await scene.operations.terminate_replica("web", 1, purge=False)
        assert refused.value.kind is ErrorKind.CONFLICT
        await scene.until(lambda: 3 in scene.serving())
        assert statuses(await view(scene))[0] is ReplicaStatus.SHUTTING_DOWN
        scene.plane.in_flight[1, 1] = 0
        await scene.until(lambda: len(scene.world.machines) == 2)
        with pytest.raises(ServeError, match="no replica 9"):
            await scene.operations.terminate_replica("web", 9, purge=False)

    play(tmp_path, story)


def test_down_waits_for_what_cannot_be_reached_and_purge_gives_it_up(tmp_path: Path) -> None:
    """A machine that does not answer keeps the service in the table until the user purges it; then it is reclaimed as
    soon as it answers."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        scene.world.cut("a")
        result = await scene.operations.down(["w*", "other"], purge=False)
        assert (result.scheduled, result.missing) == (["web"], ["other"])
        await scene.clock.sleep(120)
        seen = await view(scene)
        assert seen.status is ServiceStatus.FAILED_CLEANUP
        assert "simulated (a) does not answer" in seen.detail
        await scene.operations.down(["web"], purge=True)
        await scene.until(lambda: not scene.controller.reconcilers)
        assert len(scene.world.machines) == 1
        scene.world.heal("a")
        await scene.until(lambda: not scene.world.machines)

    play(tmp_path, story)


def test_names_are_looked_at(tmp_path: Path) -> None:
    """A name in use, a name that cannot be, and a name of nobody are each refused in words."""

    async def story(scene: Scene) -> None:
        await up(scene)
        with pytest.raises(NameTaken, match="'web' exists already"):
            await up(scene)
        with pytest.raises(ServeError, match="not valid"):
            await up(scene, name="1web")
        with pytest.raises(ServeError, match="'nobody' not found"):
            await scene.operations.plan("nobody")
        await up(scene, name="w.eb")
        assert [v.name for v in await scene.operations.services(None)] == ["w.eb", "web"]

    play(tmp_path, story)


def test_what_has_no_effect_is_refused(tmp_path: Path) -> None:
    """A field that nothing heeds yet is refused at `up`, by name."""

    async def story(scene: Scene) -> None:
        with pytest.raises(SpecError, match="disk_size"):
            await up(scene, SERVICE.replace("ports: 8080", "ports: 8080\n  disk_size: 9"))
        assert await scene.operations.services(None) == []

    play(tmp_path, story)


def test_the_history_tells_every_decision(tmp_path: Path) -> None:
    """Events have each move and its reason; a replica's log begins with its own."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        lines = [line async for line in scene.operations.events("web", follow=False, tail=None)]
        assert any("probe_passed: replica 2: ready after" in line for line in lines)
        assert [line async for line in scene.operations.events("web", follow=False, tail=1)] == lines[-1:]
        log = b"".join([c async for c in scene.operations.replica_log("web", 1, follow=False, tail=None)])
        assert b"machine_up: replica 1: machine up at simulated (a)" in log

    play(tmp_path, story)


def test_several_nodes_run_one_task(tmp_path: Path) -> None:
    """Each node runs setup and run with its own rank and all addresses."""
    seen: list[tuple[int, str, str]] = []

    def note(_instance: Instance, rank: int, name: str, script: Script) -> Course:
        variables = script.environment
        seen.append((rank, name, variables.get("SKYPILOT_NODE_RANK", variables.get("SKYPILOT_SETUP_NODE_RANK", ""))))
        assert len((variables.get("SKYPILOT_NODE_IPS") or variables["SKYPILOT_SETUP_NODE_IPS"]).split()) == 3
        assert (variables["SKYPILOT_NUM_NODES"], variables["SKYPILOT_SERVICE_NAME"]) == ("3", "web")
        return FOR_EVER if name == "run" else Course()

    async def story(scene: Scene) -> None:
        scene.world.behaviour = note
        await up(scene, SERVICE.replace("replicas: 2", "replicas: 1") + "num_nodes: 3\n")
        await scene.until(lambda: len(scene.serving()) == 1)
        assert sorted(seen) == [(r, n, str(r)) for r in range(3) for n in ("run", "setup")]

    play(tmp_path, story)


def test_a_doomed_machine_is_replaced_before_it_goes(tmp_path: Path) -> None:
    """A preemption notice is acted on; the row leaves when the machine has."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        scene.world.preempt(scene.machine_of(1), notice=120)
        await scene.until(lambda: scene.serving() == [2, 3])
        await scene.clock.sleep(10)
        assert [r.replica_id for r in (await view(scene)).replicas] == [2, 3]

    play(tmp_path, story)
