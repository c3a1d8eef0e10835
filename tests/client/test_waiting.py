"""When a service that is waited for has got there."""

from dataclasses import replace

import pytest

from skyserve.api.examples import SERVICE
from skyserve.client.waiting import gone, ready
from skyserve.model.error import ServeError
from skyserve.model.view import ServiceStatus


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
