"""`import skyserve`: the functions that programs use."""

import inspect
import subprocess
import sys
from dataclasses import replace
from types import ModuleType

import pytest

import skyserve
from skyserve.api.examples import HISTORY, PLAN, SERVICE, TRAFFIC, UPDATING
from skyserve.client import aio, sdk
from skyserve.model.home import Home
from skyserve.model.rollout import UpdateMode
from skyserve.model.view import ServiceStatus, VersionView
from tests.api.fake import FakeOperations

TASK = {"run": "serve", "resources": {"ports": 8080}, "service": {"replicas": 1}}


@pytest.fixture
def fake(home: Home, operations: FakeOperations, monkeypatch: pytest.MonkeyPatch) -> FakeOperations:
    """The fake controller, as that of the environment; looks follow each other at once."""
    monkeypatch.setenv("SKY_HOME", str(home.root))
    monkeypatch.setattr(sdk, "POLL_SECONDS", 0)
    monkeypatch.setattr(aio, "POLL_SECONDS", 0)
    return operations


def test_importing_costs_nothing() -> None:
    """`import skyserve` loads no other module of the package; a name loads what it needs when it is used."""
    program = "import sys, skyserve; print([m for m in sys.modules if m.startswith('skyserve.')])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_all_names_are_there_and_no_others() -> None:
    """What __all__ promises can be had, dir() shows it, and each is what its documentation calls it."""
    assert len(skyserve.__all__) == len(set(skyserve.__all__))
    assert dir(skyserve) == sorted(skyserve.__all__)
    for name in skyserve.__all__:
        found = getattr(skyserve, name)
        assert inspect.getdoc(found), name
        assert isinstance(found, ModuleType) or found.__name__ == name
    with pytest.raises(AttributeError, match="'skyserve' has no attribute 'nothing'"):
        _ = skyserve.nothing


def test_the_asynchronous_functions_are_the_same() -> None:
    """Every function has its twin, with the same parameters."""
    functions = {name for name in skyserve.__all__ if name.islower()} - {"aio", "load_task"}
    assert len(functions) == 16
    for name in functions:
        twin, function = inspect.signature(getattr(aio, name)), inspect.signature(getattr(sdk, name))
        assert list(twin.parameters.values()) == list(function.parameters.values()), name


def test_a_service_from_start_to_end(fake: FakeOperations) -> None:
    """Up, status, plan, logs and down, as a program does them."""
    view = skyserve.up(TASK, "demo")
    assert (view.name, view.endpoint) == ("demo", SERVICE.endpoint)
    assert [v.name for v in skyserve.status()] == ["demo", "web"]
    assert skyserve.status("web") == [SERVICE]
    assert skyserve.plan("web") == PLAN
    assert skyserve.traffic("web") == [TRAFFIC]
    assert b"".join(skyserve.logs("web", 1, follow=False)).startswith(b"line 1\n")
    skyserve.terminate_replica("web", 1)
    assert skyserve.down("demo", wait=True).scheduled == ["demo"]
    assert [result.infra for result in skyserve.check()] == ["local"]


def test_waiting_returns_once_ready(fake: FakeOperations) -> None:
    """`wait` asks again until a replica is ready."""
    fake.statuses = [ServiceStatus.REPLICA_INIT, ServiceStatus.FAILED, ServiceStatus.READY]
    assert skyserve.up(TASK, "demo", wait=True).status is ServiceStatus.READY


async def test_the_same_asynchronously(fake: FakeOperations) -> None:
    """The twins do the same."""
    fake.statuses = [ServiceStatus.REPLICA_INIT, ServiceStatus.READY]
    assert (await skyserve.aio.up(TASK, "demo", wait=True)).status is ServiceStatus.READY
    assert [view.name for view in await skyserve.aio.status("web")] == ["web"]
    assert [chunk async for chunk in skyserve.aio.logs("web", "controller", tail=1)] == [
        b"ready replica 1: probe passed\n"
    ]
    assert (await skyserve.aio.plan("web")).service == "web"
    assert await skyserve.aio.traffic() == [TRAFFIC]
    await skyserve.aio.terminate_replica("web", 1)
    assert [result.infra for result in await skyserve.aio.check()] == ["local"]
    assert (await skyserve.aio.down("demo", wait=True)).scheduled == ["demo"]


def test_an_update_from_start_to_end(fake: FakeOperations) -> None:
    """Update by the name of a mode, history, pause, resume and rollback, as a program does them."""
    fake.rollouts = [UPDATING.rollout, None]
    assert skyserve.update(TASK, "web", "canary", wait=True).rollout is None
    assert skyserve.update(TASK, "web").version == 2
    assert [mode for *_, mode in fake.updates] == [UpdateMode.CANARY, None]
    assert skyserve.pause("web").version == skyserve.resume("web").version == 2
    assert skyserve.history("web") == HISTORY
    assert skyserve.rollback("web", 1, wait=True).rollout is None
    assert fake.rollbacks == [("web", 1)]


async def test_an_update_asynchronously(fake: FakeOperations) -> None:
    """The twins do the same."""
    fake.rollouts = [UPDATING.rollout, None]
    assert (await skyserve.aio.update(TASK, "web", UpdateMode.ROLLING, wait=True)).rollout is None
    assert (await skyserve.aio.rollback("web")).version == 2
    await skyserve.aio.pause("web")
    await skyserve.aio.resume("web")
    assert await skyserve.aio.history("web") == HISTORY
    assert fake.held == [("web", True), ("web", False)]


async def test_waiting_for_a_version_that_fails_fails(fake: FakeOperations) -> None:
    """The service went back by itself: what became of the version is the error, in both worlds."""
    fake.rollouts = [None]
    back = VersionView(3, 0.0, "automatic rollback to version 1", "current", 1)
    fake.versions = [HISTORY[0], replace(HISTORY[1], outcome="failed: run exited with 1"), back]
    with pytest.raises(skyserve.ServeError, match="did not take over: run exited with 1"):
        skyserve.update(TASK, "web", wait=True)
    with pytest.raises(skyserve.ServeError, match="did not take over: run exited with 1"):
        await skyserve.aio.update(TASK, "web", wait=True)


def test_a_mode_that_is_none_is_refused(fake: FakeOperations) -> None:
    """With those that there are; nothing is sent."""
    with pytest.raises(skyserve.ServeError, match="rolling, blue_green, canary"):
        skyserve.update(TASK, "web", "canarry")
    assert fake.updates == []


def test_a_service_that_is_ended_meanwhile(fake: FakeOperations, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a service that somebody ends is an error, not for ever."""
    fake.statuses = [ServiceStatus.REPLICA_INIT]
    monkeypatch.setattr("skyserve.client.sdk.time.sleep", lambda _: fake.views.clear())
    with pytest.raises(skyserve.ServeError, match="has been terminated"):
        skyserve.up(TASK, "demo", wait=True)


def test_one_that_cannot_be_cleaned_up(fake: FakeOperations) -> None:
    """A service that is left alone is told in the result, and not waited for."""
    fake.views["stuck"] = replace(SERVICE, name="stuck", status=ServiceStatus.FAILED_CLEANUP)
    assert [skipped.name for skipped in skyserve.down("stuck", wait=True).skipped] == ["stuck"]


@pytest.mark.parametrize("arguments", [{}, {"service_names": "web", "all": True}])
def test_ending_everything_must_be_said(fake: FakeOperations, arguments: dict[str, object]) -> None:
    """`down()` alone ends nothing."""
    with pytest.raises(skyserve.ServeError, match="all=True"):
        skyserve.down(**arguments)  # type: ignore[arg-type]
    assert fake.downs == []


def test_all_ends_all(fake: FakeOperations) -> None:
    """`all=True` ends every service."""
    assert skyserve.down(all=True).scheduled == ["web"]
