"""The asynchronous client against the API on a real socket."""

import asyncio
from dataclasses import replace

import pytest

from skyserve.api.examples import CHECK, HISTORY, OFFER, PLAN, PREVIEW, SERVICE, UPDATING
from skyserve.client.async_client import AsyncClient
from skyserve.client.unix_http import NotRunning
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.home import Home
from skyserve.model.rollout import UpdateMode
from tests.api.fake import FakeOperations
from tests.client.test_client import TASK


@pytest.fixture
def client(home: Home, operations: FakeOperations) -> AsyncClient:
    """A client of the fake controller, which must not need to start one."""
    return AsyncClient(home, autostart=False)


async def test_it_answers_as_the_synchronous_one(client: AsyncClient, operations: FakeOperations) -> None:
    """Each operation sends the same and decodes the same."""
    assert await client.status() == [SERVICE]
    assert await client.status([]) == []
    assert await client.plan("web") == PLAN
    assert await client.check() == [CHECK]
    assert await client.offers(TASK) == [OFFER]
    assert (await client.up(TASK, "new")).name == "new"
    assert operations.ups[0][:2] == (TASK, "new")
    await client.terminate_replica("web", 1)
    assert operations.terminated == [("web", 1, False)]
    assert (await client.down(["web"])).scheduled == ["web"]


async def test_updates_are_those_of_the_synchronous_one(client: AsyncClient, operations: FakeOperations) -> None:
    """Each operation on versions sends the same and decodes the same."""
    assert await client.preview_update(TASK, "web") == PREVIEW
    assert await client.preview_rollback("web", 2) == replace(PREVIEW, to=2)
    assert await client.history("web") == HISTORY
    assert await client.update(TASK, "web", UpdateMode.CANARY) == await client.rollback("web", 1) == UPDATING
    assert [(name, mode) for _, name, _, mode in operations.updates] == [("web", UpdateMode.CANARY)]
    assert operations.rollbacks == [("web", 1)]
    await client.pause("web")
    await client.resume("web")
    assert operations.held == [("web", True), ("web", False)]


async def test_errors_are_those_of_the_controller(client: AsyncClient) -> None:
    """Kind and words arrive, for calls and for logs."""
    with pytest.raises(ServeError) as raised:
        await client.plan("nobody")
    assert raised.value.kind is ErrorKind.NOT_FOUND
    with pytest.raises(ServeError, match="has no replica 9"):
        await anext(aiter(client.logs("web", 9)))


async def test_a_log_that_breaks_off_is_not_taken_for_whole(client: AsyncClient) -> None:
    """A failure in the middle of a log is an error, after what came before it."""
    log = aiter(client.logs("web", "load_balancer"))
    assert await anext(log) == b"GET / 200\n"
    with pytest.raises(ServeError, match="broke off"):
        await anext(log)


async def test_cancelling_hangs_up(client: AsyncClient, operations: FakeOperations) -> None:
    """A task that follows a log can be cancelled, and the controller lets go of the log."""
    came = asyncio.Event()

    async def follow() -> None:
        async for _ in client.logs("web", 1, follow=True):
            came.set()

    following = asyncio.create_task(follow())
    await came.wait()
    assert not operations.hung_up.is_set()
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    async with asyncio.timeout(60):
        while not operations.hung_up.is_set():  # noqa: ASYNC110 - set in another thread's loop
            await asyncio.sleep(0.01)


async def test_without_a_controller(home: Home) -> None:
    """Status needs none; what needs one says so where it may not be started."""
    client = AsyncClient(home, autostart=False)
    assert await client.dormant()
    assert await client.status() == []
    assert (await client.down(["web"])).missing == ["web"]
    with pytest.raises(NotRunning):
        await client.plan("web")
