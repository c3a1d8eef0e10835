"""`sky serve down`."""

from dataclasses import replace

import pytest

from skyserve.api.examples import SERVICE
from skyserve.model.view import ServiceStatus
from tests.api.fake import FakeOperations
from tests.cli.typing_at_a_shell import sky


@pytest.fixture
def three(operations: FakeOperations) -> FakeOperations:
    """Services `web`, `test-a` and `test-b`."""
    for name in ("test-a", "test-b"):
        operations.views[name] = replace(SERVICE, name=name)
    return operations


def test_one_service(three: FakeOperations) -> None:
    """Asked for by name, ended, told."""
    ran = sky("serve down web", stdin="y\n")
    assert ran.code == 0
    assert "Terminating service(s) 'web'. Proceed? [Y/n]: y" in ran.out
    assert ran.out.endswith("Service 'web' is scheduled to be terminated.\n")
    assert three.downs == [(["web"], False)]


def test_a_pattern_is_spelled_out_in_the_question(three: FakeOperations) -> None:
    """What is asked about is what is done."""
    ran = sky("serve down", "test-*", stdin="\n")
    assert "Terminating service(s) 'test-a', 'test-b'. Proceed?" in ran.out
    assert "Services 'test-a', 'test-b' are scheduled to be terminated." in ran.out
    assert three.downs == [(["test-a", "test-b"], False)]


def test_all(three: FakeOperations) -> None:
    """--all ends all, and none is no error."""
    assert sky("serve down --all -y --purge").code == 0
    assert three.downs == [(["test-a", "test-b", "web"], True)]
    ran = sky("serve down --all -y")
    assert (ran.code, ran.out) == (0, "No service to terminate.\n")


def test_a_no_ends_nothing(three: FakeOperations) -> None:
    """The question is meant."""
    assert sky("serve down web", stdin="n\n").code == 1
    assert three.downs == []


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "web --all",
        "web test-a --replica-id 1",
        "--all --replica-id 1",
        "web --replica-id 1 --wait",
        "--replica-id 1",
    ],
)
def test_unclear_wishes_are_wrong_usage(three: FakeOperations, arguments: str) -> None:
    """Names or --all; a replica of one service."""
    assert sky(f"serve down -y {arguments}").code == 2
    assert (three.downs, three.terminated) == ([], [])


def test_a_name_that_no_service_bears(three: FakeOperations) -> None:
    """Is told, with exit code 3; the others are ended all the same."""
    ran = sky("serve down nobody web -y")
    assert (ran.code, three.downs) == (3, [(["web"], False)])
    assert "Service 'nobody' not found." in ran.err
    ran = sky("serve down nobody -y")
    assert (ran.code, ran.out) == (3, "No service to terminate.\n")
    assert "Service 'test-c' not found. Did you mean 'test-" in sky("serve down test-c -y").err


def test_one_that_needs_purge(three: FakeOperations) -> None:
    """Is named with the reason and what to type, and the exit code is 1."""
    three.views["web"] = replace(SERVICE, status=ServiceStatus.FAILED_CLEANUP)
    ran = sky("serve down web -y")
    assert ran.code == 1
    assert "Service 'web' was left alone: is in failed status (FAILED_CLEANUP)." in ran.err
    assert "sky serve down web --purge" in ran.err
    ran = sky("serve down web -y --wait")
    assert (ran.code, "could not be cleaned up" in ran.err) == (1, True)


def test_one_that_is_going_down_already(three: FakeOperations) -> None:
    """Asking twice is no failure."""
    three.views["web"] = replace(SERVICE, status=ServiceStatus.SHUTTING_DOWN)
    ran = sky("serve down web test-a -y")
    assert ran.code == 0
    assert "Service 'web' was left alone: it is going down already." in ran.err
    assert "--purge" not in ran.err


def test_waiting_returns_once_nothing_is_left(three: FakeOperations) -> None:
    """And says so."""
    ran = sky("serve down web -y --wait")
    assert ran.code == 0
    assert ran.out.endswith("Service 'web' is terminated.\n")


def test_one_replica(three: FakeOperations) -> None:
    """Ended or purged, by id; one that does not exist is an error with exit code 3."""
    ran = sky("serve down web --replica-id 1", stdin="y\n")
    assert "Terminating replica 1 of service 'web'. Proceed?" in ran.out
    assert ran.out.endswith("Replica 1 of service 'web' is scheduled to be terminated.\n")
    assert sky("serve down web --replica-id 1 --purge -y").out.endswith("scheduled to be purged.\n")
    assert three.terminated == [("web", 1, False), ("web", 1, True)]
    assert sky("serve down web --replica-id 9 -y").code == 3
