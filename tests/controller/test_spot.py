"""Services on spot machines: whole stories on virtual time, in a world of zones that take back what they gave."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from skyserve.contracts.infra import LaunchOrder
from skyserve.infra.simulated.infra import SimulatedInfra
from skyserve.infra.simulated.world import Kind, Zone
from skyserve.model.error import ServeError
from skyserve.model.instance import Instance
from skyserve.model.service import Service
from skyserve.model.view import ReplicaStatus, ServiceStatus
from tests.controller.scene import Scene
from tests.controller.test_stories import play, up, view

SPOT = """
service:
  readiness_probe: /health
  drain_seconds: 20
  replica_policy: {{min_replicas: 2, {policy}}}
resources:
  ports: 8080
  use_spot: true
workdir: work
setup: prepare
run: serve
"""
FALLBACK = "dynamic_ondemand_fallback: true"
KIND = Kind(hourly_usd=3.0, spot_hourly_usd=1.0)


def service(policy: str = "num_overprovision: 0") -> str:
    """Two replicas on spot machines."""
    return SPOT.format(policy=policy)


def zones(notice: float = 0.0) -> tuple[Zone, ...]:
    """Three that sell spot machines, which boot in 20 s."""
    return tuple(Zone(name, kinds=(KIND,), boot_seconds=20, notice_seconds=notice) for name in "abc")


def close(scene: Scene, *names: str) -> None:
    """These zones take back all spot machines and give no more."""
    for name in names or tuple(scene.world.zones):
        scene.world.zones[name].spot_capacity = lambda _now: 0


def reopen(scene: Scene) -> None:
    """All zones give spot machines again."""
    for zone in scene.world.zones.values():
        zone.spot_capacity = lambda _now: 1000


def held(scene: Scene, *, spot: bool) -> int:
    """Machines that run or start."""
    return sum(m.offer.spot is spot and m.stopped_at is None for m in scene.world.machines.values())


def zone_of(scene: Scene, replica_id: int) -> str:
    """Where the replica is."""
    return scene.world.machines[scene.machine_of(replica_id)].zone.name


def present(scene: Scene) -> Service:
    """The service as the database has it."""
    return scene.controller.reconcilers[0].service


async def watched(scene: Scene, seconds: float, check: Callable[[], object]) -> None:
    """Let time pass; whatever does not hold at any quarter of a second fails the test."""
    for _ in range(int(seconds * 4)):
        await scene.clock.sleep(0.25)
        assert check()


def launches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str, bool]]:
    """(time, zone, spot) of every launch that is asked for, whatever comes of it."""
    asked: list[tuple[float, str, bool]] = []
    launch = SimulatedInfra.launch

    async def counted(infra: SimulatedInfra, order: LaunchOrder, token: str) -> Instance:
        asked.append((infra.world.clock.now(), order.offer.place.zone, order.offer.spot))
        return await launch(infra, order, token)

    monkeypatch.setattr(SimulatedInfra, "launch", counted)
    return asked


def story_of(folder: Path, story: Callable[[Scene], Coroutine[Any, Any, None]], notice: float = 0.0) -> None:
    """In three zones with spot machines."""
    play(folder, story, zones(notice))


def test_replicas_spread_over_zones_and_are_shown(tmp_path: Path) -> None:
    """Two spot machines in two zones, shown as SkyServe shows them, each at its price."""

    async def story(scene: Scene) -> None:
        await up(scene, service())
        await scene.until(lambda: len(scene.serving()) == 2)
        assert {zone_of(scene, 1), zone_of(scene, 2)} < {"a", "b", "c"}
        seen = await view(scene)
        assert [r.resources for r in seen.replicas] == ["1x[spot](cpus=4, mem=16)"] * 2
        assert [r.hourly_usd for r in seen.replicas] == [1.0, 1.0]
        assert held(scene, spot=False) == 0

    story_of(tmp_path, story)


def test_stand_ins_come_and_go(tmp_path: Path) -> None:
    """On-demand machines while no zone has a spot machine; once zones have some again, spot machines alone."""

    async def story(scene: Scene) -> None:
        await up(scene, service(FALLBACK))
        await scene.until(lambda: len(scene.serving()) == 2 and held(scene, spot=False) == 0)
        close(scene)
        await scene.until(lambda: len(scene.serving()) == 0)
        await scene.until(lambda: len(scene.serving()) == 2)
        assert held(scene, spot=False) == 2
        reopen(scene)
        await scene.until(lambda: held(scene, spot=True) == 2)
        await scene.until(lambda: held(scene, spot=False) == 0)
        assert len(scene.serving()) == 2
        reasons = [event.reason for _, event in await scene.controller.world.store.events(1)]
        assert any("on demand until spot replicas are ready" in reason for reason in reasons)
        assert any("spot replicas are ready" in reason for reason in reasons)

    story_of(tmp_path, story)


def test_one_of_them_is_always_on_demand(tmp_path: Path) -> None:
    """The base stays when zones close and when they open."""

    async def story(scene: Scene) -> None:
        await up(scene, service("base_ondemand_fallback_replicas: 1"))
        await scene.until(lambda: len(scene.serving()) == 2)
        for change in (close, reopen):
            change(scene)
            await watched(scene, 900, lambda: held(scene, spot=False) == 1)
        assert held(scene, spot=True) == 1

    story_of(tmp_path, story)


def test_notice_loses_no_request(tmp_path: Path) -> None:
    """Two minutes before its machine goes another one is launched; the replica serves until that is ready, then drains.
    At every moment two serve, and none that is dead is routed to."""

    async def story(scene: Scene) -> None:
        await up(scene, service())
        await scene.until(lambda: len(scene.serving()) == 2)
        doomed = scene.serving()[0]
        close(scene, zone_of(scene, doomed))
        await scene.clock.sleep(4)
        (told,) = [r for r in (await view(scene)).replicas if r.replica_id == doomed]
        assert told.status is ReplicaStatus.READY
        assert "takes the machine back in 119 s" in told.detail
        assert doomed in scene.routed()
        await watched(scene, 300, lambda: scene.routed() == scene.serving() and len(scene.serving()) >= 2)
        assert doomed not in scene.serving()

    story_of(tmp_path, story, notice=120)


def test_requests_in_flight_finish_before_the_machine_goes(tmp_path: Path) -> None:
    """Where nothing can take over, the doomed replica gets no new requests from drain_seconds before its end, and its
    machine is kept until the last one has finished."""

    async def story(scene: Scene) -> None:
        await up(scene, service())
        await scene.until(lambda: len(scene.serving()) == 2)
        ends_at = scene.clock.now() + 120
        scene.plane.in_flight = {(1, 1): 3, (1, 2): 3}
        close(scene)
        await watched(scene, 98, lambda: scene.routed() == [1, 2])
        await scene.clock.sleep(5)
        assert scene.routed() == []
        assert {r.status for r in (await view(scene)).replicas if r.replica_id < 3} == {ReplicaStatus.PREEMPTED}
        scene.plane.in_flight = {(1, 2): 3}
        await scene.clock.sleep(4)
        running = [m.instance.token for m in scene.world.machines.values() if m.stopped_at is None]
        assert running == ["1-2"]
        assert scene.clock.now() < ends_at
        await scene.clock.sleep(20)
        assert held(scene, spot=True) == 0

    story_of(tmp_path, story, notice=120)


def test_a_loss_without_notice_is_seen_and_replaced(tmp_path: Path) -> None:
    """Within seconds nothing is routed to the machine that went; its row says PREEMPTED, then goes."""

    async def story(scene: Scene) -> None:
        await up(scene, service())
        await scene.until(lambda: len(scene.serving()) == 2)
        lost = scene.serving()[0]
        close(scene, zone_of(scene, lost))
        await scene.clock.sleep(4)
        await watched(scene, 120, lambda: scene.routed() == scene.serving())
        seen = await view(scene)
        assert (seen.ready_replicas, seen.total_replicas) == (2, 2)
        assert lost not in [r.replica_id for r in seen.replicas]

    story_of(tmp_path, story)


def test_where_nothing_is_to_be_had_nobody_runs_hot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While all zones refuse they are asked ever more rarely, and the status says so; when one opens, it takes all."""
    asked = launches(monkeypatch)

    async def story(scene: Scene) -> None:
        close(scene)
        await up(scene, service())
        await scene.clock.sleep(3600)
        assert len(asked) < 40
        seen = await view(scene)
        assert seen.status is ServiceStatus.REPLICA_INIT
        assert "3 rest after they took or refused one" in seen.detail
        assert len(seen.replicas) <= 2
        scene.world.zones["b"].spot_capacity = lambda _now: 5
        await scene.until(lambda: len(scene.serving()) == 2)
        assert {m.zone.name for m in scene.world.machines.values()} == {"b"}

    story_of(tmp_path, story)


def test_a_restart_forgets_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller that starts while zones rest asks them no sooner than the one before would have."""
    asked = launches(monkeypatch)

    async def story(scene: Scene) -> None:
        close(scene)
        await up(scene, service())
        await scene.clock.sleep(350)
        count, memory = len(asked), present(scene).placement
        assert memory is not None
        rested = min(known.rests_until for known in memory.places.values())
        assert rested > scene.clock.now() + 20
        await scene.revive()
        await scene.clock.sleep(rested - scene.clock.now() - 1)
        assert len(asked) == count
        await scene.clock.sleep(5)
        assert len(asked) > count

    story_of(tmp_path, story)


def test_a_restart_forgets_no_notice(tmp_path: Path) -> None:
    """The drain begins when it would have begun."""

    async def story(scene: Scene) -> None:
        await up(scene, service())
        await scene.until(lambda: len(scene.serving()) == 2)
        close(scene)
        await scene.clock.sleep(90)
        await scene.revive()
        await scene.clock.sleep(6)
        assert len(scene.routed()) == 2
        await scene.clock.sleep(8)
        assert scene.routed() == []

    story_of(tmp_path, story, notice=120)


def test_a_hundred_losses_spend_no_budget(tmp_path: Path) -> None:
    """However often machines are taken, with or without notice: launching goes on and nothing counts as failed."""

    async def story(scene: Scene) -> None:
        await up(scene, service(f"{FALLBACK}, num_overprovision: 0"))
        lost = 0
        while lost < 100:
            await scene.clock.sleep(15)
            living = [i for i, m in scene.world.machines.items() if m.offer.spot and m.instance.doomed_at is None]
            for instance_id in living:
                scene.world.preempt(instance_id, notice=[0.0, 10.0][lost % 2])
                lost += 1
            assert present(scene).failure_streak == 0
        await scene.until(lambda: len(scene.serving()) == 2 and held(scene, spot=False) == 0)
        assert present(scene).stopped_reason == ""
        assert (await view(scene)).status is ServiceStatus.READY

    story_of(tmp_path, story)


def test_losses_bring_one_more(tmp_path: Path) -> None:
    """Where no number is written, adaptive keeps a spot replica beyond the two while losses are frequent."""

    async def story(scene: Scene) -> None:
        await up(scene, service("spot_placer: adaptive"))
        await scene.until(lambda: len(scene.serving()) == 2)
        for _ in range(8):
            scene.world.preempt(scene.machine_of(scene.serving()[0]))
            await scene.clock.sleep(100)
        await scene.until(lambda: len(scene.serving()) == 3)

    story_of(tmp_path, story)


def test_a_lost_machine_of_ones_own_is_replaced_at_once_and_a_flaky_place_is_left_alone(tmp_path: Path) -> None:
    """The first loss costs no waiting; a place that loses whatever is put there is asked more and more rarely."""

    async def story(scene: Scene) -> None:
        await up(scene, service("num_overprovision: 0").replace("use_spot: true", "use_spot: false"))
        await scene.until(lambda: len(scene.serving()) == 2)
        scene.world.lose(scene.machine_of(1))
        await scene.clock.sleep(4)
        assert len(scene.world.launches) == 3
        began = len(scene.world.launches)
        for _ in range(1200):
            await scene.clock.sleep(1)
            for instance_id in list(scene.world.machines):
                scene.world.lose(instance_id)
        assert len(scene.world.launches) - began < 40
        assert present(scene).failure_streak == 0
        assert len((await view(scene)).replicas) <= 2
        await scene.until(lambda: len(scene.serving()) == 2)

    play(tmp_path, story, (Zone("a"),))


def test_where_no_spot_machine_is_sold_it_is_said(tmp_path: Path) -> None:
    """`up` refuses what could never run, with the remedy; a service that takes either runs on demand."""

    async def story(scene: Scene) -> None:
        with pytest.raises(ServeError, match=r"No machine fits 1x\[spot\]\(default\)") as refused:
            await up(scene, service(FALLBACK))
        assert "Remove use_spot" in refused.value.remedy
        either = "any_of: [{use_spot: true}, {use_spot: false}]"
        await up(scene, service("num_overprovision: 0").replace("use_spot: true", either))
        await scene.until(lambda: len(scene.serving()) == 2)
        await scene.clock.sleep(900)
        assert held(scene, spot=False) == 2

    play(tmp_path, story)


@pytest.mark.parametrize("placer", ["dynamic_fallback", "even_spread", "round_robin"])
def test_a_placer_that_knows_no_rest_does_not_run_hot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, placer: str
) -> None:
    """Though it decides anew at each pass, a place that refuses is asked every twenty seconds and no sooner."""
    asked = launches(monkeypatch)

    async def story(scene: Scene) -> None:
        close(scene)
        await up(scene, service(f"spot_placer: {placer}"))
        await scene.clock.sleep(120)
        assert 6 <= len(asked) <= 3 * 2 * 6
        reopen(scene)
        await scene.until(lambda: len(scene.serving()) == 2)

    story_of(tmp_path, story)


@pytest.mark.parametrize("placer", ["adaptive", "dynamic_fallback", "even_spread", "round_robin", "cheapest"])
def test_every_placer_brings_a_service_up_and_back(tmp_path: Path, placer: str) -> None:
    """Two replicas serve, and serve again after every machine was taken; nothing is left over."""

    async def story(scene: Scene) -> None:
        await up(scene, service(f"spot_placer: {placer}, num_overprovision: 0"))
        await scene.until(lambda: len(scene.serving()) == 2)
        for instance_id in list(scene.world.machines):
            scene.world.preempt(instance_id)
        await scene.clock.sleep(10)
        await scene.until(lambda: len(scene.serving()) == 2)
        await scene.clock.sleep(60)
        assert held(scene, spot=True) == 2

    story_of(tmp_path, story)
