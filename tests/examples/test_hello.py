"""`make hello` keeps its promise, through the real command line on this machine."""

import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.examples.installation import PATIENCE_SECONDS, ROOT, Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * PATIENCE_SECONDS)]

TOUR = ROOT / "scripts" / "hello"


def test_both_replicas_answer_behind_one_endpoint(installation: Installation) -> None:
    """Two unchanged web servers on port 8080 run side by side on one machine, and the endpoint reaches them."""
    endpoint = installation.up(ROOT / "examples" / "hello", "hello")
    assert "Hello, SkyServe!" in httpx.get(endpoint).text
    addresses = {replica["endpoint"] for replica in installation.service("hello")["replicas"]}
    assert len(addresses) == 2
    for address in addresses:
        assert "Hello, SkyServe!" in httpx.get(f"http://{address}").text


def test_the_tour_loses_no_request(installation: Installation) -> None:
    """A replica is killed and replaced while requests come in; none fails, and the tour leaves nothing behind."""
    done = subprocess.run(
        [TOUR], env=installation.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    assert " 0 failed." in done.stdout
    installation.assert_nothing_remains()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_an_interrupted_tour_leaves_nothing(installation: Installation, number: signal.Signals) -> None:
    """Ctrl-C, a kill and a closed terminal end the service too."""
    with subprocess.Popen(
        [TOUR], env=installation.environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as tour:
        assert tour.stdout is not None
        assert any("Endpoint URL" in line for line in tour.stdout)
        os.killpg(tour.pid, number)
        rest = tour.stdout.read()
    assert tour.returncode != 0
    assert "is terminated" in rest
    installation.assert_nothing_remains()


def test_the_tour_leaves_a_service_of_that_name_alone(installation: Installation) -> None:
    """A service `hello` of the user's own is neither used nor ended."""
    installation.up(ROOT / "examples" / "hello", "hello")
    done = subprocess.run([TOUR], env=installation.environment, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "There is a service 'hello' already" in done.stderr
    assert installation.service("hello")["status"] == "READY"


def test_what_stays_is_private(installation: Installation) -> None:
    """Files that hold secrets of services are for their owner only."""
    installation.up(ROOT / "examples" / "hello", "hello")
    for path in (installation.home.database, installation.home.api_socket):
        assert Path(path).stat().st_mode & 0o077 == 0, path
