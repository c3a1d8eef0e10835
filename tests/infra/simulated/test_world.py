"""The simulated world's levers."""

import pytest

from skyserve.contracts.errors import Gone, NoCapacity, Transient, Unauthorized
from skyserve.contracts.infra import LaunchOrder, Script, ScriptState
from skyserve.infra.simulated.behaviour import FOR_EVER, Course
from skyserve.infra.simulated.infra import SimulatedInfra
from skyserve.infra.simulated.world import Kind, World, Zone
from skyserve.model.instance import Instance, InstanceState
from skyserve.model.place import Place
from skyserve.model.resources import Accelerators, Amount, ResourceRequest

_SPOT = ResourceRequest(use_spot=True)


class Hands:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


async def _launch(infra: SimulatedInfra, token: str, request: ResourceRequest | None = None) -> Instance:
    (offer, *_) = await infra.offers(request or ResourceRequest(), 1)
    return await infra.launch(LaunchOrder("me", "hello", 1, offer, ports=(80,)), token)


async def test_the_cheapest_kind_that_does_is_offered() -> None:
    """Offers hold one kind a zone, the cheapest that is large enough, cheapest zone first; devices only if asked."""
    gpu = Kind("gpu", cpus=8, accelerators=Accelerators("A100", 2), hourly_usd=9)
    world = World(
        Hands(),
        [
            Zone("dear", kinds=[Kind("s", cpus=2, hourly_usd=2), Kind("l", cpus=8, hourly_usd=5), gpu]),
            Zone("cheap", kinds=[Kind("s", cpus=2, hourly_usd=1)]),
        ],
    )
    infra = SimulatedInfra(world)

    async def offered(request: ResourceRequest) -> list[tuple[str, str]]:
        return [(offer.place.zone, offer.machine) for offer in await infra.offers(request, 1)]

    assert await offered(ResourceRequest()) == [("cheap", "s"), ("dear", "s")]
    assert await offered(ResourceRequest(cpus=Amount(4, at_least=True))) == [("dear", "l")]
    assert await offered(ResourceRequest(accelerators=Accelerators("a100", 2))) == [("dear", "gpu")]
    assert await offered(ResourceRequest(zone="dear", max_hourly_cost=1.5)) == []
    assert await offered(_SPOT) == []


async def test_capacity_changes_with_time() -> None:
    """Launches beyond a zone's capacity at that time get NoCapacity with numbers; what ended leaves its room."""
    clock = Hands()
    infra = SimulatedInfra(World(clock, [Zone("a", capacity=lambda now: 0 if now < 2000 else 1)]))
    with pytest.raises(NoCapacity, match="asked for 1, 0 of 0 free"):
        await _launch(infra, "1-1")
    clock.time = 2000
    first = await _launch(infra, "1-1")
    with pytest.raises(NoCapacity, match="asked for 1, 0 of 1 free"):
        await _launch(infra, "1-2")
    await infra.terminate(first)
    await _launch(infra, "1-2")


async def test_a_boot_takes_its_time() -> None:
    """A machine is PENDING until its zone's boot time is over."""
    clock = Hands()
    infra = SimulatedInfra(World(clock, [Zone("a", boot_seconds=60)]))
    assert (await _launch(infra, "1-1")).state is InstanceState.PENDING
    clock.time += 60
    (seen,) = (await infra.inventory("me")).instances
    assert seen.state is InstanceState.RUNNING


async def test_spot_machines_are_taken_youngest_first_after_a_notice() -> None:
    """When spot capacity falls the youngest is told, then stopped; its scripts are LOST. On-demand ones stay."""
    clock = Hands()
    kind = Kind(spot_hourly_usd=0.3)
    zone = Zone("a", kinds=[kind], spot_capacity=lambda now: 2 if now < 2000 else 1, notice_seconds=30)
    infra = SimulatedInfra(World(clock, [zone]))
    old, young = [await _launch(infra, f"1-{number}", _SPOT) for number in (1, 2)]
    kept = await _launch(infra, "1-3")
    await infra.shell(young).start("run", Script(""))
    clock.time = 2000
    seen = {instance.id: instance for instance in (await infra.inventory("me")).instances}
    assert {i: seen[i].doomed_at for i in seen} == {old.id: None, young.id: 2030, kept.id: None}
    assert seen[young.id].state is InstanceState.RUNNING
    clock.time = 2030
    states = {instance.id: instance.state for instance in (await infra.inventory("me")).instances}
    assert [states[i.id] for i in (old, young, kept)] == ["running", "stopped", "running"]
    assert (await infra.shell(young).status("run")).state is ScriptState.LOST


async def test_a_zone_that_is_cut_off_can_tell_nothing() -> None:
    """What is in a zone that is cut off is neither listed nor proven absent; healed, it is there as before."""
    world = World(Hands(), [Zone("a"), Zone("b")])
    infra = SimulatedInfra(world)
    instance = await _launch(infra, "1-1")
    world.cut("a")
    inventory = await infra.inventory("me")
    assert (inventory.instances, inventory.unreachable) == ((), frozenset({Place("simulated", zone="a")}))
    for attempt in (infra.terminate(instance), infra.shell(instance).status("run"), _launch(infra, "1-2")):
        with pytest.raises(Transient):
            await attempt
    world.cut("b")
    with pytest.raises(Transient):
        await infra.inventory("me")
    world.heal("a")
    assert (await infra.inventory("me")).instances == (instance,)


async def test_a_machine_can_vanish() -> None:
    """A lost machine is proven absent, and using it says Gone."""
    world = World(Hands())
    infra = SimulatedInfra(world)
    instance = await _launch(infra, "1-1")
    world.lose(instance.id)
    assert (await infra.inventory("me")).instances == ()
    with pytest.raises(Gone):
        await infra.shell(instance).status("run")


async def test_faults_hit_so_many_calls_where_they_were_put() -> None:
    """An injected error is raised as often as told, in its zone alone, and for its operation alone."""
    world = World(Hands(), [Zone("a"), Zone("b")])
    infra = SimulatedInfra(world)
    world.fail("launch", Unauthorized("key expired"), zone="a", times=2)
    for _ in range(2):
        with pytest.raises(Unauthorized, match="key expired"):
            await _launch(infra, "1-1")
    (_, other) = await infra.offers(ResourceRequest(), 1)
    world.fail("launch", Unauthorized("key expired"), zone="a")
    await infra.launch(LaunchOrder("me", "hello", 2, other), "1-2")
    assert [instance.place.zone for instance in world.launches] == ["b"]


async def test_scripts_follow_their_course() -> None:
    """A script runs for its seconds and then has its exit code; one that runs for ever can be ended by hand."""
    clock = Hands()
    courses = {"setup": Course(b"one\ntwo\n", seconds=20, exit_code=3), "run": FOR_EVER}
    world = World(clock, behaviour=lambda _instance, _rank, name, _script: courses[name])
    infra = SimulatedInfra(world)
    instance = await _launch(infra, "1-1")
    shell = infra.shell(instance)
    await shell.start("setup", Script(""))
    await shell.start("run", Script(""))
    assert (await shell.status("setup")).state is ScriptState.RUNNING
    assert [line async for line in shell.log("setup", follow=True, tail=1)] == [b"two\n"]
    assert clock.time >= 1020
    assert (await shell.status("setup")).exit_code == 3
    assert (await shell.status("run")).state is ScriptState.RUNNING
    world.end_script(instance.id, "run", 137)
    assert (await shell.status("run")).exit_code == 137
