"""Replicas follow the load on real parts: Envoy's counters, processes on this machine, a controller that is killed."""

import asyncio
import tempfile
from pathlib import Path

import pytest

import skyserve
from bench.failover import kill_controller
from bench.load import SteadyLoad
from bench.processes import all_in
from bench.served import Served, until
from skyserve.model.home import Home

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
    """From zero to three, through the death of the controller, and back to zero."""
    client = skyserve.Client(served.home)
    view = await asyncio.to_thread(client.up, skyserve.load_task(file), "hello", base=file.parent)
    assert (view.target_replicas, view.status) == (0, skyserve.ServiceStatus.NO_REPLICA)

    async def listens() -> bool:
        return {o.result for o in (await SteadyLoad(view.endpoint, 1).run(1)).outcomes} == {"503"}

    await until(listens)
    await until(served.has_ready)

    load = SteadyLoad(view.endpoint, RATE)
    running = asyncio.create_task(load.run(90))

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
    """The first request is refused with 503 and wakes the service; under load there are as many replicas as allowed,
    also once the controller has been killed; no request fails; silence takes all replicas away."""
    with tempfile.TemporaryDirectory(prefix="sky-") as folder:
        home = Home(Path(folder) / "sky")
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
