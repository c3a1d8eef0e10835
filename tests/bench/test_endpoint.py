"""The measurement of the endpoint measures what it says: its replica, its client, and the proxies it starts."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.endpoint import client
from bench.endpoint.field import ground, proxies, replica, replicas
from bench.endpoint.instructions import kinds
from bench.endpoint.program import Cores, cpu_seconds
from bench.endpoint.proxies.furnished import FurnishedEnvoy
from bench.endpoint.proxies.ours import Ours
from bench.endpoint.proxies.proxy import Proxy, ask
from bench.endpoint.proxies.static import BareEnvoy
from bench.endpoint.replica import CHUNKS
from bench.endpoint.sample import Sample, median
from skyserve.endpoint.ports import free_port
from tests.claims import ports


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Cores]]:
    """A folder and cores; the ports are this test run's."""
    monkeypatch.setattr("bench.endpoint.field.FIRST_REPLICA", ports()[0])
    monkeypatch.setattr("bench.endpoint.field.FIRST_PROXY", ports()[100])
    with ground() as place:
        yield place


def asked(port: int, *arguments: str) -> dict[str, Any]:
    """What the client tells."""
    command = [sys.executable, "-m", "bench.endpoint.client", str(port), *arguments]
    outcome: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return outcome


def test_every_request_is_accounted_for(place: tuple[Path, Cores]) -> None:
    """So many requests as were due are answered, by any of the replica's ports."""
    with replicas(2, *place) as listening:
        assert asked(listening[1], "--rate", "200", "--seconds", "0.5")["results"] == {"200": 100}
        assert b"x-replica: %d" % listening[1] in ask(listening[1])


def test_streams_are_counted_by_their_chunks(place: tuple[Path, Cores]) -> None:
    """A stream has all its chunks, and one that has ended is followed by another."""
    with replicas(1, *place) as (port,):
        outcome = asked(port, "--streams", "3", "--seconds", "0.1")

    assert outcome["results"]["200"] >= 3
    assert outcome["chunks"] == CHUNKS * outcome["results"]["200"]


def test_what_is_cut_is_an_error(place: tuple[Path, Cores]) -> None:
    """Requests that nobody answers are told, not lost."""
    folder, cores = place
    port = free_port("127.0.0.1", ports()[0], frozenset())
    with replica([port], folder, cores) as mine:
        mine.kill()
        outcome = asked(port, "--rate", "100", "--seconds", "0.1")

    assert outcome["results"] == {"refused": 10}


def test_proxies_carry_requests_and_are_gone(place: tuple[Path, Cores]) -> None:
    """Each answers what its replica answered, follows a change of replicas, tells its CPU, and leaves no process."""
    with replicas(2, *place) as (first, second), proxies([Ours, BareEnvoy], [first], *place) as field:
        for proxy in field:
            assert b"x-replica: %d" % first in ask(proxy.port)
            assert proxy.cpu_seconds() >= 0
        ours, _ = field
        ours.change([second])
        ours.program.wait_until(lambda: b"x-replica: %d" % second in ask(ours.port))
        pids = [proxy.program.pid for proxy in field]

    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
    assert not any(place[0].name in _command(entry) for entry in Path("/proc").glob("[0-9]*"))


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
def test_what_instructions_are_counted_of_answers(place: tuple[Path, Cores], kind: type[Proxy]) -> None:
    """Ours with each part left out, or with more: Envoy takes the file, and a request goes through."""
    with replicas(1, *place) as (port,), proxies([kind], [port], *place) as (proxy,):
        assert b"x-replica: %d" % port in ask(proxy.port, proxy.headers)


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.headers], ids=lambda kind: kind.name)
def test_keys_are_looked_at(place: tuple[Path, Cores], kind: type[Proxy]) -> None:
    """Also by what ours is compared with: who has none is refused."""
    with replicas(1, *place) as (port,), proxies([kind], [port], *place) as (proxy,):
        assert b" 401 " in ask(proxy.port)


def test_an_envoy_of_its_own_parts_does_as_much(place: tuple[Path, Cores]) -> None:
    """A key's requests are counted, and logged with whose they are."""
    with replicas(1, *place) as (port,), proxies([FurnishedEnvoy], [port], *place) as (proxy,):
        assert b"x-ratelimit-remaining: " in ask(proxy.port, proxy.headers)
        log = proxy.folder / "access.log"
        proxy.program.wait_until(lambda: log.read_text().endswith("\n"))
        told = json.loads(log.read_text().splitlines()[-1])

    assert (told["status"], told["key"], told["address"]) == (200, "one", f"127.0.0.1:{port}")


def test_cpu_is_that_of_the_whole_family() -> None:
    """What a child uses counts, as long as it lives."""
    burn = "import os,time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
    family = subprocess.Popen(
        ["sh", "-c", '"$@"; true', "sh", sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert family.stdin is not None and family.stdout is not None
    family.stdout.readline()

    used = cpu_seconds(family.pid)
    family.communicate()

    assert used >= 0.19


def test_the_median_hides_no_error() -> None:
    """Figures are medians each, errors are summed."""
    samples = [
        Sample(per_second, 10.0 - per_second, 1.0, 2.0, errors) for per_second, errors in ((1, 0), (2, 5), (9, 0))
    ]

    assert median(samples) == Sample(2, 8.0, 1.0, 2.0, 5)


def test_the_request_is_whole() -> None:
    """Its length is told as it is, and it asks for a stream where one is wanted."""
    head, _, body = client.request(["x: y"], streams=True).partition(b"\r\n\r\n")

    assert b"content-length: %d" % len(body) in head and b"x: y" in head
    assert json.loads(body)["stream"] is True
