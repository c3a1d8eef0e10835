"""When a service that is waited for has got there."""

from dataclasses import replace

import pytest

from skyserve.api.examples import HISTORY, SERVICE, UPDATING
from skyserve.client.waiting import check_outcome, gone, ready, updated
from skyserve.model.error import ServeError
from skyserve.model.view import ServiceStatus, VersionView


@pytest.mark.parametrize("status", list(ServiceStatus))
def test_every_status_is_ready_hopeful_or_hopeless(status: ServiceStatus) -> None:
    """READY ends the waiting well, and NO_REPLICA too: none is wanted now. What cannot become ready ends it badly."""
    view = replace(SERVICE, status=status)
    if status in (ServiceStatus.SHUTTING_DOWN, ServiceStatus.FAILED_CLEANUP, ServiceStatus.CONTROLLER_FAILED):
        with pytest.raises(ServeError, match="did not become ready"):
            ready("web", view)
    else:
        assert ready("web", view) == (status in (ServiceStatus.READY, ServiceStatus.NO_REPLICA))


def test_a_failed_replica_is_not_the_end_but_giving_up_is() -> None:
    """FAILED alone may pass, since the controller tries again; its reason for stopping is told."""
    failed = replace(SERVICE, status=ServiceStatus.FAILED, detail="replica 1: setup exited with 1")
    assert not ready("web", failed)
    with pytest.raises(ServeError, match="3 failures in a row"):
        ready("web", replace(failed, stopped_reason="3 failures in a row"))


def test_a_service_that_was_ended_is_not_waited_for() -> None:
    """Somebody else may end it meanwhile."""
    with pytest.raises(ServeError, match="terminated"):
        ready("web", None)


def test_gone_is_gone() -> None:
    """Only absence ends the waiting for an end; what cannot be cleaned up is told."""
    assert gone("web", None)
    assert not gone("web", replace(SERVICE, status=ServiceStatus.SHUTTING_DOWN))
    with pytest.raises(ServeError, match="could not be cleaned up") as raised:
        gone("web", replace(SERVICE, status=ServiceStatus.FAILED_CLEANUP))
    assert "--purge" in raised.value.remedy


def test_an_update_is_over_once_none_is_under_way() -> None:
    """Or once another version is wanted: by itself, or by somebody else."""
    assert not updated("web", 2, UPDATING)
    assert updated("web", 2, replace(UPDATING, rollout=None))
    assert updated("web", 1, UPDATING)
    assert updated("web", 2, replace(UPDATING, version=3, stopped_reason="of another version"))


def test_an_update_that_cannot_go_on_is_not_waited_for() -> None:
    """The service stopped launching, or is ending; the way back is told."""
    with pytest.raises(ServeError, match="does not go on: 3 failures in a row") as raised:
        updated("web", 2, replace(UPDATING, stopped_reason="3 failures in a row"))
    assert "sky serve rollback web" in raised.value.remedy
    with pytest.raises(ServeError, match="SHUTTING_DOWN"):
        updated("web", 2, replace(UPDATING, status=ServiceStatus.SHUTTING_DOWN))
    with pytest.raises(ServeError, match="terminated"):
        updated("web", 2, None)


def test_an_update_is_done_well_if_its_version_is_the_last() -> None:
    """Else what became of it is told, also if it is remembered no more."""
    check_outcome("web", 2, HISTORY)
    back = VersionView(3, 0.0, "automatic rollback to version 1", "current", 1)
    failed = replace(HISTORY[1], outcome="failed: no progress for 1800 s")
    with pytest.raises(ServeError, match=r"did not take over: no progress for 1800 s\. The service is at version 3"):
        check_outcome("web", 2, [failed, back])
    with pytest.raises(ServeError, match="not remembered any more"):
        check_outcome("web", 2, [back])
