"""The API's socket."""

import asyncio
import socket
import stat
from pathlib import Path

import httpx
import pytest

from skyserve.api.app import create_app
from skyserve.api.metrics import metrics_app
from skyserve.api.server import serve, serve_on_port
from skyserve.client import calls
from skyserve.client.unix_http import send, stream
from skyserve.model.error import ServeError
from skyserve.model.home import Home
from tests.api.fake import FakeOperations
from tests.api.serving import PATIENCE_SECONDS, serving, until


def test_only_the_user_can_open_the_socket(home: Home, operations: FakeOperations) -> None:
    """The socket is 0600, in a directory that is 0700."""
    assert stat.S_IMODE(home.api_socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.serve.stat().st_mode) == 0o700


def test_a_dead_controllers_socket_is_replaced_and_ones_own_removed(home: Home) -> None:
    """What a crash left behind does not keep the next controller from serving; nothing is left after that."""
    home.serve.mkdir(parents=True)
    home.api_socket.touch()
    with serving(home, FakeOperations()):
        assert send(home.api_socket, calls.health()).pid
    assert not home.api_socket.exists()


async def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    """The kernel's limit is named, with what to do about it."""
    path = tmp_path / ("x" * 120) / "api.sock"
    with pytest.raises(ServeError, match="too long") as raised:
        await serve(create_app(FakeOperations()), path, asyncio.Event())
    assert "SKY_HOME" in raised.value.remedy


def test_hanging_up_closes_the_log(home: Home, operations: FakeOperations) -> None:
    """A log that is followed is let go of as soon as its reader leaves, though nothing more is written to it."""
    chunks = stream(home.api_socket, calls.logs("web", 1, follow=True, tail=None))
    assert next(chunks) == b"line 1\nline \xff2\n"
    assert not operations.hung_up.is_set()
    chunks.close()  # type: ignore[attr-defined]
    until(operations.hung_up.is_set)


def test_stopping_does_not_wait_for_those_who_follow_a_log(home: Home) -> None:
    """A controller that is told to end does, and its followers are cut off."""
    operations = FakeOperations()
    with serving(home, operations):
        chunks = stream(home.api_socket, calls.logs("web", 1, follow=True, tail=None))
        next(chunks)
        send(home.api_socket, calls.shut_down())
        with pytest.raises(ServeError, match="broke off"):
            list(chunks)
    assert operations.hung_up.is_set()


async def test_metrics_on_a_port_and_nothing_else(home: Home, operations: FakeOperations) -> None:
    """Prometheus may read them on the loopback interface as on the socket; the API is not there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    stop = asyncio.Event()
    server = asyncio.create_task(serve_on_port(metrics_app(operations), port, stop))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not server.done():
                try:
                    answer = await client.get("/metrics")
                except httpx.ConnectError:
                    await asyncio.sleep(0.02)
                else:
                    break
        assert (answer.status_code, answer.text) == (200, "skyserve_build_info 1\n")
        assert answer.headers["content-type"].startswith("text/plain")
        assert (await client.get("/v1/services")).status_code == 404
    transport = httpx.AsyncHTTPTransport(uds=str(home.api_socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/metrics")).text == answer.text
    stop.set()
    await server
