"""Traffic while things die, on real parts: replicas, the controller, Envoy, a machine."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from bench.failover import kill_controller, kill_envoy, kill_replica
from bench.power_off import fenced, power_off
from bench.processes import all_in
from bench.served import Served
from tests.homes import own_home
from tests.hosts import Host, ssh_hosts, why_impossible

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

RATE = 50.0
"""Requests a second: little enough for a loaded machine, so that what fails is not for want of CPU."""


def served(story: Callable[[Served], Coroutine[Any, Any, None]]) -> None:
    """Play the story in an installation of its own, and see that nothing is left."""
    with tempfile.TemporaryDirectory(prefix="sky-") as folder:
        home = own_home(Path(folder))

        async def play() -> None:
            service = Served(home)
            try:
                await story(service)
            finally:
                await service.clear()

        asyncio.run(play())
        assert not all_in(home)


def test_a_replica_dies() -> None:
    """kill -9 of a replica: no request fails, and another takes its place."""

    async def story(service: Served) -> None:
        await service.up()
        deaths, report = await service.under_load(RATE, 10, [("replica", lambda: kill_replica(service))])
        assert [death.failed for death in deaths] == [0], report.summary()
        assert not report.failed()

    served(story)


def test_the_controller_dies() -> None:
    """kill -9 of the controller: no request fails, replicas live on, and the next controller knows them."""

    async def story(service: Served) -> None:
        await service.up()
        before = [(r.replica_id, r.endpoint) for r in await service.ready()]
        _, report = await service.under_load(RATE, 10, [("controller", lambda: kill_controller(service))])
        assert not report.failed(), report.summary()
        assert [(r.replica_id, r.endpoint) for r in await service.ready()] == before

    served(story)


def test_envoy_dies() -> None:
    """kill -9 of Envoy: it is back, and the replicas are the same."""

    async def story(service: Served) -> None:
        await service.up()
        before = [r.replica_id for r in await service.ready()]
        deaths, report = await service.under_load(RATE, 10, [("Envoy", lambda: kill_envoy(service))])
        recovered = [o for o in report.outcomes if o.at > 9 and o.result == "200"]
        assert len(deaths) == 1
        assert recovered, report.summary()
        assert [r.replica_id for r in await service.ready()] == before

    served(story)


@pytest.mark.skipif(bool(why_impossible()), reason=why_impossible() or "")
def test_a_machine_loses_power() -> None:
    """Over SSH: the replica of a host that is off is replaced on another, no request fails, and when the host is back
    its old replica is killed."""

    async def story(service: Served) -> None:
        async with ssh_hosts(3) as hosts:
            service.home.ssh_node_pools.write_text(hosts.pools_yaml("lab"))
            await service.up("ssh/lab")
            off: list[Host] = []
            cut = [("power", lambda: power_off(service, hosts, off))]
            _, report = await service.under_load(RATE, 30, cut)
            assert not report.failed(), report.summary()
            await fenced(service, off[0])
            assert off[0].name not in {r.infra for r in (await service.view()).replicas}
            await service.clear()
            assert not [pid for host in hosts for pid in host.processes() if _serves(pid)]

    served(story)


def _serves(pid: int) -> bool:
    try:
        return b"http.server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
