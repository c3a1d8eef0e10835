"""`ssh/<pool>` over real machines: what one machine cannot show. The contract suite covers the rest."""

import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from skyserve.contracts.errors import Gone, InfraError, NoCapacity, Transient
from skyserve.contracts.infra import Infra, LaunchOrder, Script, ScriptState
from skyserve.infra.ssh.infra import ssh_infras
from skyserve.model.home import Home
from skyserve.model.instance import Instance, InstanceState
from skyserve.model.place import Address, Place
from skyserve.model.resources import Amount, Offer, ResourceRequest
from skyserve.store.content import FileContentStore
from tests.hosts import Hosts
from tests.hosts.patience import until

pytestmark = pytest.mark.root

OWNER = "tests"
SMALL = ResourceRequest(cpus=Amount(0.5))


@pytest.fixture
async def infra(hosts: Hosts, tmp_path: Path) -> AsyncIterator[Infra]:
    """A pool of both machines."""
    home = Home(tmp_path / "sky")
    home.root.mkdir()
    home.ssh_node_pools.write_text(hosts.pools_yaml("lab"))
    (infra,) = ssh_infras(home, ssh_config=tmp_path / "no-ssh-config")
    yield infra
    await infra.close()


async def offer_at(infra: Infra, zone: str, request: ResourceRequest = SMALL, num_nodes: int = 1) -> Offer:
    """The offer with its head on that machine."""
    return next(offer for offer in await infra.offers(request, num_nodes) if offer.place.zone == zone)


async def launched(infra: Infra, zone: str, replica_id: int = 1, num_nodes: int = 1) -> Instance:
    """A running instance with its head on that machine."""
    offer = await offer_at(infra, zone, num_nodes=num_nodes)
    order = LaunchOrder(OWNER, "hello", replica_id, offer, num_nodes, (8080,))
    return await infra.launch(order, f"1-{replica_id}")


async def state_of(infra: Infra, instance: Instance) -> InstanceState | None:
    """What the inventory says now; None if the instance is not in it, for whatever reason."""
    try:
        inventory = await infra.inventory(OWNER)
    except InfraError:
        return None
    return next((found.state for found in inventory.instances if found.id == instance.id), None)


async def log_of(infra: Infra, instance: Instance, rank: int = 0) -> bytes:
    """All that `run` printed."""
    return b"".join([chunk async for chunk in infra.shell(instance, rank).log("run", follow=True)])


async def test_a_replica_fits_where_there_is_room(infra: Infra, hosts: Hosts) -> None:
    """Each machine is a place; a full one says what is asked and what is free, and the other still takes a replica."""
    whole = ResourceRequest(cpus=Amount(float(len(os.sched_getaffinity(0)))))
    first, second = [await offer_at(infra, host.ip, whole) for host in hosts]
    await infra.launch(LaunchOrder(OWNER, "hello", 1, first), "1-1")
    with pytest.raises(NoCapacity, match=r"cpus"):
        await infra.launch(LaunchOrder(OWNER, "hello", 2, first), "1-2")
    await infra.launch(LaunchOrder(OWNER, "hello", 2, second), "1-2")
    places = {instance.place for instance in (await infra.inventory(OWNER)).instances}
    assert places == {Place("ssh/lab", zone=host.ip) for host in hosts}


async def test_nodes_spread_over_machines_and_reach_each_other(infra: Infra, hosts: Hosts) -> None:
    """Of two nodes each has a machine and a rank; a connection from one to the other's address arrives."""
    instance = await launched(infra, hosts[1].ip, num_nodes=2)
    assert [(node.rank, node.ip) for node in instance.nodes] == [(0, hosts[1].ip), (1, hosts[0].ip)]
    head = instance.nodes[0].ip
    listen = "import socket; s = socket.create_server(('', 22950)); print(s.accept()[1][0])"
    call = f"until python3 -c \"import socket; socket.create_connection(('{head}', 22950))\"; do sleep 0.1; done"
    await infra.shell(instance, 0).start("run", Script(f'python3 -c "{listen}"'))
    await infra.shell(instance, 1).start("run", Script(f"hostname; {call} 2> /dev/null"))
    assert await log_of(infra, instance, 0) == f"{hosts[0].ip}\n".encode()
    assert await log_of(infra, instance, 1) == b"node1\n"
    await infra.terminate(instance)
    assert (await infra.inventory(OWNER)).instances == ()


@pytest.mark.slow
async def test_half_an_instance_is_ended_while_the_other_half_is_away(infra: Infra, hosts: Hosts) -> None:
    """Terminating frees the machines that answer, and says that it is not all until the last has answered."""
    instance = await launched(infra, hosts[0].ip, num_nodes=2)
    await hosts[1].power_off()

    async def told() -> bool:
        return bool((await infra.inventory(OWNER)).unreachable)

    await until(told)
    with pytest.raises(Transient, match=hosts[1].ip):
        await infra.terminate(instance)
    assert instance.id not in await hosts[0].run("find", "/root/.sky")
    await hosts[1].power_on()

    async def gone() -> bool:
        try:
            await infra.terminate(instance)
        except Transient:
            return False
        except Gone:
            return True
        return False

    await until(gone)
    assert instance.id not in await hosts[1].run("find", "/root/.sky")


async def test_content_travels_once(infra: Infra, hosts: Hosts, tmp_path: Path) -> None:
    """What a machine has is not sent again: not for another replica, and of a changed tree only what changed."""
    size = 3_000_000
    workdir = tmp_path / "workdir"
    workdir.mkdir()
    (workdir / "weights").write_bytes(os.urandom(size))
    (workdir / "main.py").write_text("one")
    content = FileContentStore(tmp_path / "content")
    host = hosts[0]

    async def put(replica_id: int) -> int:
        shell = infra.shell(await launched(infra, host.ip, replica_id))
        tree, before = await content.pack(workdir), host.bytes_received()
        await shell.put(tree, content, "~/sky_workdir")
        await shell.start("run", Script("cat main.py; wc -c < weights"))
        return host.bytes_received() - before

    assert await put(1) > size
    assert await put(2) < size / 10
    (workdir / "main.py").write_text("two")
    assert await put(3) < size / 10
    instances = {instance.token: instance for instance in (await infra.inventory(OWNER)).instances}
    assert await log_of(infra, instances["1-2"]) == f"one{size}\n".encode()
    assert await log_of(infra, instances["1-3"]) == f"two{size}\n".encode()


@pytest.mark.slow
async def test_a_machine_that_is_off_is_told_apart_from_one_without_replicas(infra: Infra, hosts: Hosts) -> None:
    """Nothing is offered at a machine that does not answer, and the inventory does not claim to know what is there."""
    instance = await launched(infra, hosts[1].ip)
    pair = await offer_at(infra, hosts[0].ip, num_nodes=2)
    await hosts[1].power_off()
    lost = Place("ssh/lab", zone=hosts[1].ip)

    async def noticed() -> bool:
        return lost in (await infra.inventory(OWNER)).unreachable

    await until(noticed)
    inventory = await infra.inventory(OWNER)
    assert instance.id not in {found.id for found in inventory.instances}
    assert inventory.unreachable == {lost}
    with pytest.raises(NoCapacity, match="asked for 2 machines"):
        await infra.launch(LaunchOrder(OWNER, "hello", 2, pair, num_nodes=2), "1-2")


@pytest.mark.slow
async def test_a_replica_that_comes_back_with_its_machine_can_be_killed(infra: Infra, hosts: Hosts) -> None:
    """A replica runs on while its machine is cut off. Seen again, it is ended like any other, to the last process."""
    instance = await launched(infra, hosts[0].ip)
    await infra.shell(instance).start("run", Script("exec sleep 987654"))
    await hosts[0].cut()

    async def lost() -> bool:
        return bool((await infra.inventory(OWNER)).unreachable)

    async def back() -> bool:
        return await state_of(infra, instance) is InstanceState.RUNNING

    await until(lost)
    assert "sleep 987654" in await hosts[0].run("ps", "-eo", "args")
    await hosts[0].heal()
    await until(back)
    await infra.terminate(instance)
    assert await state_of(infra, instance) is None
    assert "sleep 987654" not in await hosts[0].run("ps", "-eo", "args")


async def test_after_a_power_cut_what_is_left_of_a_replica_is_found_and_removed(infra: Infra, hosts: Hosts) -> None:
    """A machine that was switched off and on holds the files of its replicas and none of their processes: they are
    stopped, their scripts are lost, and terminating removes the files and frees the room."""
    instance = await launched(infra, hosts[0].ip)
    await infra.shell(instance).start("run", Script("exec sleep 987654"))
    await hosts[0].power_off()
    await hosts[0].power_on()

    async def stopped() -> bool:
        return await state_of(infra, instance) is InstanceState.STOPPED

    await until(stopped)
    assert (await infra.shell(instance).status("run")).state is ScriptState.LOST
    again = await launched(infra, hosts[0].ip)
    assert (again.id, again.state) == (instance.id, InstanceState.STOPPED)
    await infra.terminate(instance)
    assert await state_of(infra, instance) is None
    with pytest.raises(Gone):
        await infra.terminate(instance)
    assert instance.id not in await hosts[0].run("find", "/root/.sky")


@pytest.mark.parametrize("way", ["pasta", "relay"])
async def test_an_ordinary_user_will_do(hosts: Hosts, tmp_path: Path, way: str) -> None:
    """Without root on the machine a replica has its own ports all the same, reached at the machine's address; also
    where pasta cannot work."""
    host, home = hosts[0], Home(tmp_path)
    if way == "relay":
        await host.run("ip", "route", "del", "default")
    await host.run("useradd", "--create-home", "--password", "*", "--shell", "/bin/bash", "worker")
    await host.run("cp", "-r", "/root/.ssh", "/home/worker/")
    await host.run("chown", "-R", "worker:", "/home/worker/.ssh")
    key = hosts.identity_file
    home.ssh_node_pools.write_text(f"lab:\n  user: worker\n  identity_file: {key}\n  hosts: [{host.ip}]\n")
    (infra,) = ssh_infras(home, ssh_config=tmp_path / "no-ssh-config")
    assert f"port spaces by {way}" in (await infra.check()).details[0]
    instances = [await launched(infra, host.ip, replica_id) for replica_id in (1, 2)]
    for instance in instances:
        serve = f"cd; echo {instance.id} > name; exec python3 -m http.server 8080"
        await infra.shell(instance).start("run", Script(serve))
    async with httpx.AsyncClient() as client:
        for instance in instances:
            assert instance.addresses[8080].host == host.ip
            await until(partial(serves, client, instance.addresses[8080], instance.id))
            await infra.terminate(instance)
    assert (await infra.inventory(OWNER)).instances == ()
    assert set((await host.run("ps", "-u", "worker", "-o", "comm=")).split()) == {"sshd"}
    await infra.close()


async def serves(client: httpx.AsyncClient, address: Address, name: str) -> bool:
    """Whether the file `name` there says so."""
    try:
        return (await client.get(f"http://{address}/name")).text.strip() == name
    except httpx.TransportError:
        return False
