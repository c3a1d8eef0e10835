"""`sky serve logs`."""

import stat
from pathlib import Path

import pytest

from tests.api.fake import FakeOperations
from tests.cli.typing_at_a_shell import sky


def test_a_replicas_log(operations: FakeOperations) -> None:
    """Comes as it was printed."""
    ran = sky("serve logs web 1 --no-follow")
    assert (ran.code, ran.out) == (0, "line 1\nline \ufffd2\n")


def test_what_the_controller_did(operations: FakeOperations) -> None:
    """A line an event; the last ones if asked."""
    assert sky("serve logs web --controller").out.splitlines()[0].startswith("launch replica 1")
    assert sky("serve logs web --controller --tail 1").out == "ready replica 1: probe passed\n"


def test_tail_alone_does_not_follow(operations: FakeOperations) -> None:
    """As SkyServe: a tail ends by itself, though a replica's log goes on."""
    assert sky("serve logs web 1 --tail 10").code == 0


@pytest.mark.parametrize("targets", ["", "1 2", "1 --controller", "--controller --load-balancer"])
def test_one_log_at_a_time(operations: FakeOperations, targets: str) -> None:
    """Several at once are a matter for --sync-down."""
    ran = sky(f"serve logs web {targets}")
    assert ran.code == 2
    assert "Specify a target to tail: --controller, --load-balancer, or a REPLICA_ID." in ran.err


@pytest.mark.parametrize("arguments", ["nobody --controller", "web 9", "nobody -s", "nobody 1 -s"])
def test_what_does_not_exist(operations: FakeOperations, arguments: str, tmp_path: Path) -> None:
    """Is exit code 3, and leaves no file."""
    assert sky(f"serve logs {arguments}").code == 3
    assert not (tmp_path / "sky_logs").exists()


def test_a_log_that_breaks_off(operations: FakeOperations) -> None:
    """Is a failure, after what came before it."""
    ran = sky("serve logs web --load-balancer")
    assert (ran.code, ran.out) == (1, "GET / 200\n")
    assert "broke off" in ran.err


def test_logs_are_saved(operations: FakeOperations, tmp_path: Path) -> None:
    """In a directory of the service's, for the user's eyes alone, byte for byte."""
    ran = sky("serve logs web 1 --controller --sync-down")
    assert ran.code == 0
    (directory,) = (tmp_path / "sky_logs" / "service").iterdir()
    assert directory.name.startswith("web_")
    assert {path.name for path in directory.iterdir()} == {"controller.log", "replica-1.log"}
    assert (directory / "replica-1.log").read_bytes() == b"line 1\nline \xff2\n"
    assert stat.S_IMODE((directory / "replica-1.log").stat().st_mode) == 0o600
    assert f"Saved {directory / 'replica-1.log'}" in ran.out
