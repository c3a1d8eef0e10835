"""The synchronous client against the API on a real socket."""

from dataclasses import replace
from pathlib import Path

import pytest

from skyserve.api.examples import CHECK, HISTORY, KEY, NEW_KEY, OFFER, PLAN, PREVIEW, SERVICE, TRAFFIC, UPDATING
from skyserve.client.client import Client
from skyserve.client.unix_http import NotRunning
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.home import Home
from skyserve.model.key import KeyLimits
from skyserve.model.rollout import UpdateMode
from skyserve.model.view import DownResult, ServiceStatus
from skyserve.spec.task import Task
from tests.api.fake import FakeOperations

TASK = Task.model_validate(
    {"run": "serve", "secrets": {"TOKEN": "hunter2"}, "resources": {"ports": 8080}, "service": {"replicas": 2}}
)


@pytest.fixture
def client(home: Home, operations: FakeOperations) -> Client:
    """A client of the fake controller, which must not need to start one."""
    return Client(home, autostart=False)


def test_views_arrive_as_they_were_sent(client: Client) -> None:
    """Every kind of answer is decoded into an equal value of the type that the controller has."""
    assert client.status() == [SERVICE]
    assert client.plan("web") == PLAN
    assert client.traffic() == [TRAFFIC]
    assert client.check() == [CHECK]
    assert client.offers(TASK) == [OFFER]


def test_a_task_arrives_whole(client: Client, operations: FakeOperations, tmp_path: Path) -> None:
    """The controller gets the very task, secrets and all, with the name and the base directory."""
    view = client.up(TASK, "new", base=tmp_path)
    assert (view.name, view.status) == ("new", ServiceStatus.REPLICA_INIT)
    assert operations.ups == [(TASK, "new", tmp_path)]
    assert operations.ups[0][0].secrets["TOKEN"].get_secret_value() == "hunter2"


def test_a_relative_base_is_taken_from_here(
    client: Client, operations: FakeOperations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths mean the client's current directory, not the controller's."""
    monkeypatch.chdir(tmp_path)
    client.up(TASK, "one")
    client.up(TASK, "two", base=Path("sub"))
    assert [base for _, _, base in operations.ups] == [tmp_path, tmp_path / "sub"]


def test_an_update_arrives_whole(client: Client, operations: FakeOperations, tmp_path: Path) -> None:
    """The task, the name, the base directory and the mode; what comes back is the service with its rollout."""
    assert client.preview_update(TASK, "web") == PREVIEW
    assert client.update(TASK, "web", UpdateMode.CANARY, base=tmp_path) == UPDATING
    client.update(TASK, "web")
    assert operations.updates == [(TASK, "web", tmp_path, UpdateMode.CANARY), (TASK, "web", Path.cwd(), None)]


def test_versions_are_gone_back_to_and_updates_held(client: Client, operations: FakeOperations) -> None:
    """Name and version arrive; views come back."""
    assert client.history("web") == HISTORY
    assert client.preview_rollback("web", 2) == replace(PREVIEW, to=2)
    assert client.preview_rollback("web") == replace(PREVIEW, to=1)
    assert client.rollback("web", 1) == client.rollback("web") == UPDATING
    assert operations.rollbacks == [("web", 1), ("web", None)]
    assert client.pause("web").rollout == replace(UPDATING.rollout, paused=True)  # type: ignore[type-var]
    assert client.resume("web") == UPDATING
    assert operations.held == [("web", True), ("web", False)]


def test_keys_are_made_listed_and_revoked(client: Client, operations: FakeOperations) -> None:
    """Names and limits arrive; what comes back is what was sent, the new key itself among it."""
    limits = KeyLimits(1, 2, 3, 4)
    assert client.create_key("web", "mobile", limits, expires_in=60) == NEW_KEY
    client.create_key("web", None, KeyLimits())
    assert operations.made_keys == [("web", "mobile", limits, 60), ("web", None, KeyLimits(), None)]
    assert client.keys("web") == [KEY]
    with pytest.raises(ServeError, match="has no API key 'a/b c'"):
        client.revoke_key("web", "a/b c")
    client.revoke_key("web", "mobile")
    assert client.keys("web") == []


def test_status_leaves_out_names_that_no_service_bears(client: Client) -> None:
    """Only those that exist come back; an empty list of names is no name at all."""
    assert client.status(["web", "nobody"]) == [SERVICE]
    assert client.status([]) == []


def test_down_says_what_became_of_each_name(client: Client, operations: FakeOperations) -> None:
    """Patterns, misses and services left alone are told apart; purge arrives."""
    operations.views["stuck"] = replace(SERVICE, name="stuck", status=ServiceStatus.FAILED_CLEANUP)
    result = client.down(["w*", "stuck", "nobody"])
    assert (result.scheduled, [s.name for s in result.skipped], result.missing) == (["web"], ["stuck"], ["nobody"])
    assert client.down(None, purge=True).scheduled == ["stuck"]
    assert operations.downs[-1] == (None, True)


def test_ending_no_service_ends_none(client: Client, operations: FakeOperations) -> None:
    """An empty list of names is not taken for all."""
    assert client.down([]) == DownResult([], [], [])
    assert operations.downs == []


def test_one_replica_is_terminated(client: Client, operations: FakeOperations) -> None:
    """Service, id and purge arrive."""
    client.terminate_replica("web", 1, purge=True)
    assert operations.terminated == [("web", 1, True)]


@pytest.mark.parametrize("name", ["nobody", "../health", "a/b", ""])
def test_an_unknown_service_is_told_so(client: Client, name: str) -> None:
    """Also a name that would lead elsewhere as part of a URL is just a service that does not exist."""
    with pytest.raises(ServeError) as raised:
        client.plan(name)
    assert raised.value.kind is ErrorKind.NOT_FOUND
    assert raised.value.message == f"Service '{name}' not found."
    assert raised.value.remedy == "See: sky serve status"


def test_logs_stream_as_bytes(client: Client) -> None:
    """Output of a replica comes unchanged, whatever its encoding; events as lines, from the end if asked."""
    assert b"".join(client.logs("web", 1)) == b"line 1\nline \xff2\n"
    assert b"".join(client.logs("web", "controller", tail=1)) == b"ready replica 1: probe passed\n"
    assert b"".join(client.logs("web", "controller", tail=0)) == b""


def test_the_log_of_no_replica_is_an_error(client: Client) -> None:
    """It comes at the first step, with the controller's words."""
    with pytest.raises(ServeError, match="has no replica 9"):
        next(client.logs("web", 9))


def test_a_log_that_breaks_off_is_not_taken_for_whole(client: Client) -> None:
    """A failure in the middle of a log is an error, after what came before it."""
    log = client.logs("web", "load_balancer")
    assert next(log) == b"GET / 200\n"
    with pytest.raises(ServeError, match="broke off"):
        next(log)


def test_nothing_is_started_to_say_that_there_is_nothing(home: Home) -> None:
    """Without a controller and a database, status and down answer at once."""
    client = Client(home)
    assert client.dormant()
    assert client.status() == []
    assert client.down(["web"]) == DownResult([], [], ["web"])
    assert not home.root.exists()


def test_a_controller_that_does_not_run_is_an_error_where_none_may_be_started(home: Home) -> None:
    """The message says how to start it."""
    with pytest.raises(NotRunning, match="sky api start"):
        Client(home, autostart=False).plan("web")


def test_a_home_too_deep_for_a_socket_is_told(tmp_path: Path) -> None:
    """The kernel's limit on socket paths is explained, not shown as an OSError."""
    with pytest.raises(ServeError, match="too long"):
        Client(Home(tmp_path / ("x" * 120)), autostart=False).plan("web")
