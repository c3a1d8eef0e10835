"""The API's socket."""

import asyncio
import stat
from pathlib import Path

import pytest

from skyserve.api.app import create_app
from skyserve.api.server import serve
from skyserve.client import calls
from skyserve.client.unix_http import send, stream
from skyserve.model.error import ServeError
from skyserve.model.home import Home
from tests.api.fake import FakeOperations
from tests.api.serving import serving, until


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
