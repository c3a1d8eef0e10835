"""Instances: launched once, never forgotten, wholly gone in the end."""

import asyncio

import pytest

from skyserve.contracts.errors import Gone, Transient
from skyserve.contracts.infra import ScriptState
from skyserve.model.instance import InstanceState
from skyserve.model.resources import Amount, ResourceRequest
from tests.contract.bench import OWNER, Bench, Play, until


async def test_what_never_fits_is_not_offered(any_kind: Bench) -> None:
    """An impossible request gets no offers, and no error."""
    assert not await any_kind.infra().offers(ResourceRequest(cpus=Amount(100_000)), 1)


async def test_an_infra_says_whether_it_can_be_used(any_kind: Bench) -> None:
    """check() answers for an infra that works, with its name and what was found."""
    infra = any_kind.infra()
    result = await infra.check()
    assert (result.infra, result.enabled) == (infra.name, True)
    assert result.reason and result.details


async def test_a_launch_is_tagged_and_addressed(bench: Bench) -> None:
    """An instance tells whose it is, where it is, and where its ports are reached."""
    infra = bench.infra()
    instance = await bench.launch(infra, "7-3", ports=(8080, 9090))
    assert (instance.owner, instance.token, instance.place.infra) == (OWNER, "7-3", infra.name)
    assert instance.state is InstanceState.RUNNING
    assert [node.rank for node in instance.nodes] == [0]
    assert set(instance.addresses) == {8080, 9090}
    assert (await infra.inventory(OWNER)).instances == (instance,)


async def test_one_token_starts_one_instance(any_kind: Bench) -> None:
    """Launching with a token again, even at the same time, finds the first instance."""
    infra = any_kind.infra()
    first, second = await asyncio.gather(any_kind.launch(infra), any_kind.launch(infra))
    third = await any_kind.launch(any_kind.infra())
    assert first.id == second.id == third.id
    assert len((await infra.inventory(OWNER)).instances) == 1


async def test_a_lost_reply_loses_no_instance(any_kind: Bench) -> None:
    """If the reply to a launch is lost, the inventory has the instance and the next launch returns it."""
    infra = any_kind.infra()
    any_kind.lose_next_launch()
    with pytest.raises(Transient):
        await any_kind.launch(infra)
    (found,) = (await any_kind.infra().inventory(OWNER)).instances
    assert (await any_kind.launch(any_kind.infra())).id == found.id


async def test_owners_do_not_see_each_other(any_kind: Bench) -> None:
    """The inventory is of one owner, and two owners may use the same token."""
    infra = any_kind.infra()
    mine = await any_kind.launch(infra)
    theirs = await any_kind.launch(infra, owner="somebody-else")
    assert mine.id != theirs.id
    assert [found.id for found in (await infra.inventory(OWNER)).instances] == [mine.id]


async def test_instances_outlive_the_controller(bench: Bench) -> None:
    """A new controller finds the instance, its running script, its log and its exit codes."""
    before = bench.infra()
    instance = await bench.launch(before)
    await before.shell(instance).start("setup", bench.script(Play(("prepared",), exit_code=4)))
    await bench.finish(before.shell(instance), "setup")
    await before.shell(instance).start("run", bench.script(Play(("serving",), exit_code=None)))
    await before.close()
    after = bench.infra()
    (adopted,) = (await after.inventory(OWNER)).instances
    assert (await after.shell(adopted).status("setup")).exit_code == 4
    assert (await after.shell(adopted).status("run")).state is ScriptState.RUNNING
    assert await bench.output(after.shell(adopted), "setup") == "prepared\n"


async def test_terminating_proves_absence(bench: Bench) -> None:
    """After terminate the inventory lacks the instance, and terminating or using it again says Gone."""
    infra = bench.infra()
    instance = await bench.launch(infra)
    await bench.launch(infra, "1-2")
    await infra.shell(instance).start("run", bench.script(Play(exit_code=None)))
    await infra.terminate(instance)
    assert [left.token for left in (await infra.inventory(OWNER)).instances] == ["1-2"]
    with pytest.raises(Gone):
        await infra.terminate(instance)
    with pytest.raises(Gone):
        await infra.shell(instance).status("run")
    with pytest.raises(Gone):
        await infra.shell(instance).start("again", bench.script(Play()))


async def test_ids_are_never_used_twice(any_kind: Bench) -> None:
    """A launch after a termination, even with the same token, is another instance."""
    infra = any_kind.infra()
    first = await any_kind.launch(infra)
    await infra.terminate(first)
    assert (await any_kind.launch(infra)).id != first.id


async def test_a_killed_instance_is_noticed_and_can_be_cleaned_up(bench: Bench) -> None:
    """kill -9 of what holds an instance: STOPPED, its script LOST, not started again by its token, and removable."""
    infra = bench.infra()
    instance = await bench.launch(infra)
    await infra.shell(instance).start("run", bench.script(Play(exit_code=None)))
    await bench.kill(instance)

    async def stopped() -> bool | None:
        (seen,) = (await infra.inventory(OWNER)).instances
        return seen.state is InstanceState.STOPPED or None

    await until(stopped)
    assert (await infra.shell(instance).status("run")).state is ScriptState.LOST
    again = await bench.launch(infra)
    assert (again.id, again.state) == (instance.id, InstanceState.STOPPED)
    await infra.terminate(instance)
    assert (await infra.inventory(OWNER)).instances == ()
