"""A service on this machine and on another one, by the command line: which of them gets the requests."""

import asyncio
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e import model_server
from tests.e2e.test_switching import Client, traffic, until
from tests.examples.installation import PATIENCE_SECONDS, Installation, own_installation
from tests.hosts import ssh_hosts, why_impossible

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2 * PATIENCE_SECONDS),
    pytest.mark.skipif(bool(why_impossible()), reason=why_impossible() or ""),
]

SERVICE = """
service:
  readiness_probe: {path: /health, endpoint_probe_interval_seconds: 1}
  replicas: 2
  drain_seconds: 5
  load_balancer: SETTINGS
resources: {ports: 8080, any_of: [{infra: local}, {infra: ssh/far}]}
workdir: code
run: exec python3 model_server.py
"""


def written(directory: Path, regions: list[str]) -> Path:
    """The service with its regions in this order."""
    file = directory / "service.yaml"
    file.write_text(SERVICE.replace("SETTINGS", json.dumps({"regions": regions, "spill_at": 2})))
    return file


def test_an_order_is_kept_and_turned_round(tmp_path: Path) -> None:
    """Requests go to the first region, the excess to the second; an update turns that round while requests and a stream
    go on."""
    (tmp_path / "code").mkdir()
    shutil.copy(model_server.__file__, tmp_path / "code")
    written(tmp_path, ["local", "ssh/far"])

    async def story(installation: Installation) -> None:
        async with ssh_hosts(1) as hosts:
            installation.home.ssh_node_pools.write_text(hosts.pools_yaml("far"))
            try:
                await served(installation)
            finally:
                await asyncio.to_thread(installation.end)

    async def served(installation: Installation) -> None:
        client = Client(await asyncio.to_thread(installation.up, tmp_path, "web"))
        view = await asyncio.to_thread(installation.service, "web")
        (near,) = (str(r["replica_id"]) for r in view["replicas"] if r["infra"].startswith("local"))
        (far,) = (str(r["replica_id"]) for r in view["replicas"] if r["infra"].startswith("ssh/far"))

        async def all_to(replica: str) -> bool:
            return await client.replicas() == {replica}

        async def the_excess_to(replica: str, all_others: str) -> bool:
            answers = await asyncio.gather(*(client.ask(seconds=3) for _ in range(3)))
            return Counter(answer.json()["replica"] for answer in answers) == {all_others: 2, replica: 1}

        await until(lambda: all_to(near))
        await until(lambda: the_excess_to(far, near))

        async with traffic(client, asking=1) as flowing:
            update = ("serve", "update", "web", str(written(tmp_path, ["ssh/far", "local"])), "-y")
            await asyncio.to_thread(installation.sky, *update, directory=tmp_path)
            await until(lambda: all_to(far))
            await flowing.goes_on()

    with own_installation() as installation:
        asyncio.run(story(installation))
