"""Serving the API on a Unix socket that only this user can open, and what others may read on a port."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from skyserve.model.home import check_socket_path

GRACE_SECONDS = 2
"""Longest wait for requests under way when the server stops; logs that are being followed never end by themselves."""


LOOPBACK = "127.0.0.1"


class _Server(uvicorn.Server):
    """Leaves signals to the controller, which has more to end than its API."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: FastAPI, path: Path, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then let requests under way finish and remove the socket.

    A socket left there by a dead controller is replaced: the caller holds the controller's lock.
    Raises ServeError if the path is too long for a socket.
    """
    with _listening(path) as listener:
        await _serve(app, listener, stop)


async def serve_on_port(app: FastAPI, port: int, stop: asyncio.Event) -> None:
    """Likewise on a port of the loopback interface, for programs that know no other sockets: every user of this machine
    can reach it. Raises OSError if the port is taken."""
    with socket.create_server((LOOPBACK, port)) as listener:
        await _serve(app, listener, stop)


async def _serve(app: FastAPI, listener: socket.socket, stop: asyncio.Event) -> None:
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve([listener]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        stopping.cancel()
        await serving
        # The server cancels what outlasted its grace, but leaves it to others to see it end and hang up.
        if cancelled := server.server_state.tasks:
            await asyncio.wait(cancelled)
            await asyncio.sleep(0)


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    check_socket_path(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        # On Linux the file gets the mode that the socket has before it is bound: it is never open to others.
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(os.fspath(path))
        try:
            listener.listen()
            yield listener
        finally:
            path.unlink(missing_ok=True)
