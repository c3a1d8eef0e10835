"""Envoy outlives controllers, and is never away for long."""

import asyncio
import logging
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from skyserve.endpoint.layout import Layout
from skyserve.endpoint.router import EnvoyRouter
from skyserve.endpoint.running import Running
from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy
from tests.claims import ports
from tests.endpoint.bench import BASE_PORT, PATIENCE_SECONDS, Bench, until, url
from tests.endpoint.conftest import MakeReplica

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTROLLER = """
import asyncio, sys
from pathlib import Path
from skyserve.endpoint.router import EnvoyRouter

async def main():
    router = EnvoyRouter(Path(sys.argv[1]), base_port=0, host="127.0.0.1")
    await router.start([])
    print("started", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def running(directory: Path) -> Running:
    """The directory's Envoy."""
    found = Running.recorded(Layout(directory).process)
    assert found is not None
    return found


async def test_killed_envoy_comes_back(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """After kill -9 of Envoy another serves the same, on the same port, without a word from the controller."""
    server = await replica()
    table = await bench.serve([server])
    assert (await client.get(url(table))).status_code == 200
    first = running(bench.directory)

    first.signal(signal.SIGKILL)

    await first.exited()
    await until(lambda: Running.recorded(Layout(bench.directory).process) is not None)
    await bench.told(table)
    await bench.accepted(table.service_id, 1)
    assert running(bench.directory).pid != first.pid
    assert (await client.get(url(table))).status_code == 200


async def test_envoy_outlives_a_killed_controller(own: Path) -> None:
    """kill -9 of the controller leaves Envoy running, in a session of its own; the next controller adopts it."""
    controller = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CONTROLLER, str(own), stdout=asyncio.subprocess.PIPE
    )
    assert controller.stdout is not None
    assert await controller.stdout.readline() == b"started\n"
    await until(lambda: (own / "admin.sock").exists())
    envoy = running(own)
    controller.kill()
    await controller.wait()

    router = EnvoyRouter(own, base_port=BASE_PORT, host="127.0.0.1")
    await router.start([])

    assert running(own).pid == envoy.pid
    assert os.getsid(envoy.pid) not in (os.getsid(0), controller.pid)
    await router.shut_down()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await envoy.exited()


async def test_dead_replica_is_taken_out_without_a_controller(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient
) -> None:
    """While no controller runs, Envoy's own checks find the replica that answers no more, and serve with the other."""
    dying, living = await replica("a"), await replica("b")
    table = await bench.serve([dying, living])
    await bench.router.close()
    await dying.stop()

    async with asyncio.timeout(PATIENCE_SECONDS):
        while await bench.hosts_failing(table.service_id) != {dying.address.port}:
            assert (await client.get(url(table))).status_code == 200
    await bench.restart()


async def test_port_of_a_stranger_is_not_accepted(
    bench: Bench, replica: MakeReplica, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A listener that Envoy refuses makes its service's replicas not accepted, says why, and harms no other; once
    the stranger has gone, it is served."""
    well = await bench.serve([await replica("well")])
    other = await replica("late")
    with socket.socket() as stranger, caplog.at_level(logging.ERROR):
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        table = replace(well, service_id=1000, name="late", port=stranger.getsockname()[1])
        table = replace(table, backends=(well.backends[0]._replace(address=other.address),))
        await bench.router.apply(table)
        bench.tables[1000] = table
        await until(lambda: "Envoy refuses Listener of service-1000" in caplog.text)

        assert not bench.router.status(1000)[1].accepted
        assert (await client.get(url(well))).json()["replica"] == "well"
    assert bench.router.status(well.service_id)[1].accepted

    await bench.accepted(1000, 1)
    await bench.told(table)
    assert (await client.get(url(table))).json()["replica"] == "late"


async def test_end_leaves_nothing_running(own: Path) -> None:
    """After shut_down there is no process, and no file that claims one; files that may hold secrets are private."""
    router = EnvoyRouter(own / "deeper", base_port=BASE_PORT, host="127.0.0.1")
    await router.start([RouteTable(1, "hello", ports()[-1], LoadBalancingPolicy.LEAST_LOAD)])
    await until(lambda: (own / "deeper/admin.sock").exists() and (own / "deeper/envoy.stat").exists())
    envoy = running(own / "deeper")
    modes = {name: (own / "deeper" / name).stat().st_mode & 0o777 for name in ("", "bootstrap.json", "admin.sock")}

    await router.shut_down()

    assert modes == {"": 0o700, "bootstrap.json": 0o600, "admin.sock": 0o600}
    assert not envoy.lives()
    assert not (own / "deeper/envoy.stat").exists()


async def test_long_path_is_refused(tmp_path: Path) -> None:
    """A directory too deep for a Unix socket is told with what to do."""
    with pytest.raises(ValueError, match="SKY_HOME"):
        await EnvoyRouter(tmp_path / ("x" * 100)).start([])
