"""What those are told who wait for a replica."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyserve.model.replica import Phase
from skyserve.model.route import Prospect
from skyserve.model.service import Goal
from skyserve.policy.draft import Draft
from skyserve.policy.planner import plan
from skyserve.policy.prospects import UNKNOWN_SECONDS, prospect, retry_after
from tests.policy.worlds import NOW, replica, world

TAKES: dict[str, Any] = {"start_seconds": 100.0}


def test_a_new_service_promises_nothing() -> None:
    """Where no replica was ever ready nobody knows how long it takes."""
    told = prospect(Draft(world(replica(1, Phase.STARTING))))
    assert told == Prospect()
    assert retry_after(told, NOW) == UNKNOWN_SECONDS


def test_the_first_to_come_is_waited_for() -> None:
    """Of several on their way the one that was launched first is due first, a renewed one from its renewal."""
    early, late = replica(1, Phase.STARTING, created_at=NOW - 70), replica(2, Phase.PROVISIONING, created_at=NOW - 20)
    assert prospect(Draft(world(early, late, service=TAKES))) == Prospect(NOW + 30, 100)
    renewed = replica(1, Phase.STARTING, age=10, created_at=NOW - 9000, renewals=1)
    assert prospect(Draft(world(renewed, service=TAKES))) == Prospect(NOW + 90, 100)


def test_a_pause_after_failures_counts() -> None:
    """While the next try is put off, the time until then is told too."""
    failing = {**TAKES, "failure_streak": 5, "last_failure_at": NOW - 1}
    told = prospect(Draft(world(wanted=1, service=failing)))
    assert told.ready_at is not None
    assert told.ready_at > NOW + 100


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (world(service={"stopped_reason": "launching stopped: setup failed"}), "launching stopped: setup failed"),
        (world(goal=Goal.DOWN), "the service is being taken down"),
        (world(wanted=0), "the service is to have no replicas"),
        (world(replica(1, Phase.STARTING), service={"stopped_reason": "launching stopped"}), ""),
        (world(replica(1, Phase.NOT_READY), wanted=1), ""),
    ],
)
def test_no_hope_is_told(snapshot: Any, words: str) -> None:
    """Where nothing will come and nothing lives, whoever asks is told why, and not to ask again."""
    told = prospect(Draft(snapshot))
    assert told.hopeless == words
    assert (retry_after(told, NOW) is None) == bool(words)


def test_starts_are_timed() -> None:
    """What a replica took from its launch is remembered once it is ready; the latest count most."""
    starting = replica(1, Phase.STARTING, created_at=NOW - 60)
    for before, after in ((None, 60.0), (100.0, 80.0)):
        made = plan(world(starting, wanted=1, service={"start_seconds": before}))
        kept = [action.service for action in made.actions if hasattr(action, "service")]
        assert kept[-1].start_seconds == after


def test_a_renewed_start_is_not_timed() -> None:
    """A task that was begun anew on a machine that ran says nothing of machines that have to be launched."""
    starting = replica(1, Phase.STARTING, created_at=NOW - 60, renewals=1)
    made = plan(world(starting, wanted=1, service={"start_seconds": 100.0}))
    assert all(a.service.start_seconds == 100 for a in made.actions if hasattr(a, "service"))


@given(st.floats(1, 10_000), st.none() | st.floats(-1e5, 1e5))
def test_retry_after_is_ahead(takes: float, due_in: float | None) -> None:
    """It is a second or more, never sooner than the replica is due, and a late one is given a while."""
    told = Prospect(None if due_in is None else NOW + due_in, takes)
    seconds = retry_after(told, NOW)
    assert seconds is not None
    assert seconds >= max(1, takes * 0.1)
    assert seconds >= (takes if due_in is None else due_in) - 0.001
    assert retry_after(replace(told, hopeless="no"), NOW) is None
