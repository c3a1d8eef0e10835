"""The real API on a real Unix socket, over the fake controller, beside the test that uses it."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from skyserve.api.app import create_app
from skyserve.api.server import serve
from skyserve.client.launcher import Launcher
from skyserve.model.home import Home
from tests.api.fake import FakeOperations

PATIENCE_SECONDS = 60.0
"""After which a test gives up; far above what anything takes on a loaded machine."""


@contextlib.contextmanager
def serving(home: Home, operations: FakeOperations) -> Iterator[FakeOperations]:
    """Serve in a thread until the block ends or the controller is told to."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(serve(create_app(operations), home.api_socket, operations.ended))
    )
    thread.start()
    try:
        until(lambda: Launcher(home).health() is not None)
        yield operations
    finally:
        loop.call_soon_threadsafe(operations.ended.set)
        thread.join()
        loop.close()


def until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never was"
        time.sleep(0.01)
