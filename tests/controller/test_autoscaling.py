"""Replicas follow the load: whole stories on virtual time."""

from dataclasses import replace
from pathlib import Path

from skyserve.model.load import FIRST_BYTE_BOUNDS, Load
from skyserve.model.view import ServiceStatus
from tests.controller.scene import Scene
from tests.controller.test_stories import play, up, view

SCALED = """
service:
  readiness_probe: /health
  drain_seconds: 10
  replica_policy:
    min_replicas: {low}
    max_replicas: 4
    {target}
    upscale_delay_seconds: 30
    downscale_delay_seconds: 60
resources:
  ports: 8080
workdir: work
setup: prepare
run: serve
"""
BY_RATE = "target_qps_per_replica: 2"
BY_CONCURRENCY = "target_concurrency_per_replica: 2"
BY_LATENCY = "target_latency_seconds: 1\n    target_concurrency_per_replica: 4"


def scaled(low: int, target: str = BY_RATE) -> str:
    """A service with that many replicas at least."""
    return SCALED.format(low=low, target=target)


class Users:
    """Requests to the one service, as its endpoint counts them."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._load = Load()

    async def ask(self, per_second: int, *, seconds: int, lasting: float = 0.5, first_byte: float = 0.1) -> None:
        """So many requests a second; those that find no replica are refused, answers begin so soon."""
        for _ in range(seconds):
            await self._scene.clock.sleep(1)
            if self._scene.gate.closed.is_set():
                await self._scene.revive()
            served = bool(self._scene.serving())
            busy = per_second * lasting if served else 0.0
            self._load = Load(
                self._load.arrived + per_second,
                self._load.refused + (0 if served else per_second),
                self._load.busy_seconds + busy,
                int(busy),
                self._began(per_second if served else 0, first_byte),
            )
            (service_id,) = self._scene.plane.tables
            self._scene.plane.load[service_id] = self._load

    def _began(self, answers: int, first_byte: float) -> tuple[int, ...]:
        before = self._load.first_bytes or (0,) * len(FIRST_BYTE_BOUNDS)
        return tuple(n + answers * (first_byte <= bound) for n, bound in zip(before, FIRST_BYTE_BOUNDS, strict=True))


def test_replicas_follow_the_rate(tmp_path: Path) -> None:
    """One replica at 1 request a second; three at 6 and not before the delay; one again, and not before the other."""

    async def story(scene: Scene) -> None:
        users = Users(scene)
        await up(scene, scaled(1))
        await users.ask(1, seconds=100)
        assert len(scene.serving()) == 1
        await users.ask(6, seconds=35)
        assert (await view(scene)).target_replicas == 1
        await users.ask(6, seconds=100)
        seen = await view(scene)
        assert (seen.target_replicas, len(scene.serving())) == (3, 3)
        await users.ask(1, seconds=70)
        assert (await view(scene)).target_replicas == 3
        await users.ask(1, seconds=120)
        assert (await view(scene)).target_replicas == 1
        assert len(scene.serving()) == 1
        await scene.until(lambda: len(scene.world.machines) == 1)

    play(tmp_path, story)


def test_the_reason_is_told(tmp_path: Path) -> None:
    """The events of a service have each change of the number with what called for it, and nothing for each look."""

    async def story(scene: Scene) -> None:
        users = Users(scene)
        await up(scene, scaled(1))
        await users.ask(6, seconds=200)
        told = [line async for line in scene.operations.events("web", follow=False, tail=None)]
        changes = [line for line in told if "replicas wanted:" in line]
        assert "replicas wanted: 3" in changes[-1]
        assert "6.00 requests a second over 60 s, 2 a replica" in changes[-1]
        assert len(changes) <= 2
        assert not [line for line in told if "remember" in line]

    play(tmp_path, story)


def test_to_zero_and_back(tmp_path: Path) -> None:
    """A service at zero says so; its first request is refused and wakes it at once; silence puts it to sleep."""

    async def story(scene: Scene) -> None:
        users = Users(scene)
        await up(scene, scaled(0))
        await users.ask(0, seconds=100)
        assert (await view(scene)).status is ServiceStatus.NO_REPLICA
        assert not scene.world.machines
        await users.ask(1, seconds=1)
        await users.ask(0, seconds=3)
        assert (await view(scene)).target_replicas == 1
        await scene.until(lambda: len(scene.serving()) == 1)
        await users.ask(0, seconds=200)
        assert (await view(scene)).status is ServiceStatus.NO_REPLICA
        await scene.until(lambda: not scene.world.machines)

    play(tmp_path, story)


def test_a_burst_does_not_wait(tmp_path: Path) -> None:
    """Twelve requests in flight where one replica should have two: the most replicas allowed, well before the delay."""

    async def story(scene: Scene) -> None:
        users = Users(scene)
        await up(scene, scaled(1, BY_CONCURRENCY))
        await users.ask(1, seconds=60)
        assert len(scene.serving()) == 1
        await users.ask(12, seconds=15, lasting=1.0)
        assert (await view(scene)).target_replicas == 4

    play(tmp_path, story)


def test_late_answers_bring_replicas_and_soon_ones_let_them_go(tmp_path: Path) -> None:
    """Four in flight, as many as one replica is taken for, and answers begin after two seconds: more replicas, step by
    step; once answers begin at once, fewer. A crash in between changes nothing."""

    async def story(scene: Scene) -> None:
        users = Users(scene)
        await up(scene, scaled(1, BY_LATENCY))
        await users.ask(4, seconds=50, lasting=1.0, first_byte=2.0)
        assert (await view(scene)).target_replicas == 1
        await users.ask(4, seconds=130, lasting=1.0, first_byte=2.0)
        assert 1 < (await view(scene)).target_replicas < 4
        await scene.revive()
        await users.ask(4, seconds=500, lasting=1.0, first_byte=2.0)
        assert (await view(scene)).target_replicas == 4
        await users.ask(4, seconds=1500, lasting=1.0, first_byte=0.05)
        assert (await view(scene)).target_replicas == 1

    play(tmp_path, story)


def test_a_crash_keeps_the_number_and_what_led_to_it(tmp_path: Path) -> None:
    """The controller is killed while three replicas are wanted, and again while the load is low but the delay not over:
    no replica comes or goes because of it, and the delay does not begin anew."""

    async def story(scene: Scene) -> None:
        users = Users(scene)
        await up(scene, scaled(1))
        await users.ask(6, seconds=200)
        launched = len(scene.world.launches)
        assert len(scene.serving()) == 3
        await scene.revive()
        await users.ask(6, seconds=30)
        assert (len(scene.serving()), len(scene.world.launches)) == (3, launched)
        await users.ask(0, seconds=60)
        await scene.revive()
        await users.ask(0, seconds=10)
        assert (await view(scene)).target_replicas == 3
        # After 40 s of silence the average over a minute calls for one; the delay ends 60 s later.
        await users.ask(0, seconds=45)
        assert (await view(scene)).target_replicas == 1
        assert len(scene.world.launches) == launched

    play(tmp_path, story)


def test_an_endpoint_that_does_not_answer_changes_nothing(tmp_path: Path) -> None:
    """Not to know the load is not the same as no load."""

    async def story(scene: Scene) -> None:
        users = Users(scene)
        await up(scene, scaled(1))
        await users.ask(6, seconds=200)
        ((service_id, table),) = scene.plane.tables.items()
        scene.plane.silent.add(service_id)
        await scene.clock.sleep(600)
        assert (await view(scene)).target_replicas == 3
        assert replace(scene.plane.tables[service_id], backends=()) == replace(table, backends=())

    play(tmp_path, story)


def test_the_most_replicas_count_those_that_leave(tmp_path: Path) -> None:
    """At the most that is allowed, one that fails is replaced only once its machine is given back."""

    async def story(scene: Scene) -> None:
        users = Users(scene)
        await up(scene, scaled(1))
        await users.ask(9, seconds=200)
        assert len(scene.serving()) == 4
        most = 0
        await scene.ask(lambda operations: operations.terminate_replica("web", 1, False))
        for _ in range(60):
            await users.ask(9, seconds=1)
            most = max(most, len(scene.world.machines))
        assert most == 4
        assert len(scene.serving()) == 4
        assert 1 not in scene.serving()

    play(tmp_path, story)


BY_THE_CLOCK = SCALED.replace("{low}", "1").replace("max_replicas: 4\n    {target}", "schedule:\n    - {window}")
WINDOW = "{cron: 20 23 * * *, duration: 5m, timezone: Europe/Paris, min_replicas: 3}"


def test_a_schedule_brings_replicas_and_takes_them_away(tmp_path: Path) -> None:
    """A fixed number of one, three from 22:20 UTC on, one again five minutes later; the controller dies in between."""

    async def story(scene: Scene) -> None:
        begins = scene.clock.now() + 400  # the clock begins at 22:13:20
        await up(scene, BY_THE_CLOCK.replace("{window}", WINDOW))
        await scene.clock.sleep(begins - 1 - scene.clock.now())
        assert (await view(scene)).target_replicas == 1
        await scene.clock.sleep(2)
        assert (await view(scene)).target_replicas == 3
        await scene.until(lambda: len(scene.serving()) == 3)
        await scene.revive()
        await scene.clock.sleep(begins + 299 - scene.clock.now())
        assert len(scene.serving()) == 3
        await scene.until(lambda: len(scene.serving()) == 1)
        assert scene.clock.now() < begins + 330

    play(tmp_path, story)
