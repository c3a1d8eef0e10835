"""Updates under load, on real parts: no request fails, whatever the mode; a version that fails is left by itself."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from bench.processes import all_in
from bench.served import Served
from skyserve.model.rollout import UpdateMode
from tests.homes import own_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RATE = 30.0
"""Requests a second: little enough for a loaded machine, so that what fails is not for want of CPU."""

SERVER = """
import http.server, os, time

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(0.05)
        code = 500 if "ILL" in os.environ and self.path == "/" else 200
        self.send_response(code)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("", 8080), Answer).serve_forever()
"""
SERVICE = """
service:
  readiness_probe: {path: /health, endpoint_probe_interval_seconds: 1}
  replicas: 2
  drain_seconds: 20
  update:
    min_ready_seconds: 2
    canary_steps: [{traffic: 20, seconds: 5}, {traffic: 50, seconds: 5}]
resources: {ports: 8080}
workdir: .
envs: {VERSION: "1"}
run: exec python3 server.py
"""


def updating(story: Callable[[Served, Path], Coroutine[Any, Any, None]]) -> None:
    """Play the story with a service that is ready, in an installation of its own, and see that nothing is left."""
    with tempfile.TemporaryDirectory(prefix="sky-") as folder, tempfile.TemporaryDirectory() as project:
        home, work = own_home(Path(folder)), Path(project)
        (work / "server.py").write_text(SERVER)
        file = work / "service.yaml"
        file.write_text(SERVICE)

        async def play() -> None:
            service = Served(home, file)
            try:
                await service.up()
                await story(service, file)
            finally:
                await service.clear()

        asyncio.run(play())
        assert not all_in(home)


def changed(file: Path, old: str, new: str) -> Path:
    """The YAML with something else in it."""
    file.write_text(file.read_text().replace(old, new))
    return file


@pytest.mark.parametrize("mode", list(UpdateMode))
def test_an_update_fails_no_request(mode: UpdateMode) -> None:
    """Every request is answered while both replicas are exchanged, and all of them are of the new version then."""

    async def story(service: Served, file: Path) -> None:
        new = changed(file, 'VERSION: "1"', 'VERSION: "2"')
        _, report = await service.under_load(RATE, 40, [("update", lambda: service.update(new, mode))])
        assert not report.failed(), report.summary()
        view = await service.view()
        assert (view.version, view.rollout, {r.version for r in view.replicas}) == (2, None, {2})

    updating(story)


def test_a_restart_in_place_fails_no_request() -> None:
    """Without a replica more than wanted: each drains, and the new task begins on its machine, under its id."""

    async def story(service: Served, file: Path) -> None:
        changed(file, "update:", "update:\n    max_surge: 0\n    max_unavailable: 1")
        new = changed(file, 'VERSION: "1"', 'VERSION: "2"')
        _, report = await service.under_load(RATE, 30, [("update", lambda: service.update(new, UpdateMode.ROLLING))])
        assert not report.failed(), report.summary()
        view = await service.view()
        assert [(r.replica_id, r.version) for r in view.replicas] == [(1, 2), (2, 2)]

    updating(story)


def test_a_version_that_cannot_start_is_left_without_a_failed_request() -> None:
    """Its replicas never get one; the old ones answer all the time, and the history says why."""

    async def story(service: Served, file: Path) -> None:
        new = changed(file, "exec python3 server.py", "echo no such model; exit 3")
        _, report = await service.under_load(RATE, 30, [("update", lambda: service.update(new, UpdateMode.ROLLING))])
        assert not report.failed(), report.summary()
        first, second, third = await service.history()
        assert "no such model" in second.outcome
        assert (first.outcome, third.outcome) == ("superseded by version 2", "current")

    updating(story)


def test_a_version_that_answers_with_errors_is_left() -> None:
    """Envoy's counts convict the canary; the old replicas, which never went, get all requests again."""

    async def story(service: Served, file: Path) -> None:
        before = [r.replica_id for r in await service.ready()]
        new = changed(file, 'VERSION: "1"', 'VERSION: "2", ILL: "1"')
        changed(file, "seconds: 5", "seconds: 60")
        _, report = await service.under_load(RATE, 40, [("update", lambda: service.update(new, UpdateMode.CANARY))])
        assert 0 < len(report.failed()) < 0.4 * len(report.outcomes), report.summary()
        assert not report.failed(since=38), report.summary()
        _, second, third = await service.history()
        assert "requests failed, before: 0 of" in second.outcome
        assert third.outcome == "current"
        assert [r.replica_id for r in await service.ready()] == before

    updating(story)
