"""Replicas follow the load on real parts: Envoy's counters, processes on this machine, a controller that is killed."""

import asyncio
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import skyserve
from bench.failover import kill_controller
from bench.load import SteadyLoad
from bench.processes import all_in
from bench.served import Served, until
from tests.homes import own_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RATE = 24.0
"""Requests a second: for five replicas, were three not the most that are allowed."""
SERVICE = """
service:
  readiness_probe: {path: /, endpoint_probe_interval_seconds: 1}
  drain_seconds: 5
  replica_policy:
    min_replicas: 0
    max_replicas: 3
    target_qps_per_replica: 5
    upscale_delay_seconds: 3
    downscale_delay_seconds: 5
resources:
  ports: 8080
run: python3 -m http.server 8080
"""


async def story(served: Served, file: Path) -> None:
    """From zero to three, through two deaths of the controller, and back to zero."""
    client = skyserve.Client(served.home)
    view = await asyncio.to_thread(client.up, skyserve.load_task(file), "hello", base=file.parent)
    assert (view.target_replicas, view.status) == (0, skyserve.ServiceStatus.NO_REPLICA)

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(view.endpoint).port)
        except OSError:
            return False
        writer.close()
        return True

    await until(listens)
    running = asyncio.create_task(SteadyLoad(view.endpoint, RATE, timeout=120).run(90))

    async def woken() -> bool:
        return (await served.view()).target_replicas > 0

    await until(woken)
    await kill_controller(served)

    async def whole() -> bool:
        return len(await served.ready()) == 3

    await until(whole)
    await kill_controller(served)
    assert (await served.view()).target_replicas == 3
    before = [replica.replica_id for replica in await served.ready()]
    report = await running
    assert not report.failed(), report.summary()
    assert [replica.replica_id for replica in await served.ready()] == before

    async def asleep() -> bool:
        return (await served.view()).status is skyserve.ServiceStatus.NO_REPLICA

    await until(asleep)


def test_from_zero_to_three_and_back() -> None:
    """The first request wakes the service, and all wait until it is up, though the controller is killed meanwhile;
    under load there are as many replicas as allowed, also once it is killed again; no request fails; silence takes all
    replicas away."""
    with tempfile.TemporaryDirectory(prefix="sky-") as folder:
        home = own_home(Path(folder) / "sky")
        file = Path(folder) / "service.yaml"
        file.write_text(SERVICE)

        async def play() -> None:
            served = Served(home)
            try:
                await story(served, file)
            finally:
                await served.clear()

        asyncio.run(play())
        assert not all_in(home)
