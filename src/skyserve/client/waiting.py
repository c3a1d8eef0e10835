"""When a service that was started, or ended, has got there. Pure: the clients ask again and again."""

from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.view import ServiceStatus, ServiceView

POLL_SECONDS = 1.0
"""Between two looks at a service that is waited for."""

_LOST = {
    ServiceStatus.SHUTTING_DOWN,
    ServiceStatus.FAILED_CLEANUP,
    ServiceStatus.CONTROLLER_FAILED,
}
"""From here a service never becomes ready."""


def ready(name: str, view: ServiceView | None) -> bool:
    """Whether the service has a ready replica, or needs none now. Raises ServeError once it will never have one.

    A failed replica alone is no reason to give up: the controller goes on trying until it says why it stopped.
    """
    if view is None:
        raise ServeError(ErrorKind.NOT_FOUND, f"Service '{name}' has been terminated.")
    if view.status in (ServiceStatus.READY, ServiceStatus.NO_REPLICA):
        return True
    if view.status in _LOST or view.stopped_reason:
        why = view.stopped_reason or view.detail or f"it is {view.status}"
        raise ServeError(
            ErrorKind.CONFLICT,
            f"Service '{name}' did not become ready: {why}",
            f"See: sky serve logs {name} --controller; to end it: sky serve down {name}",
        )
    return False


def gone(name: str, view: ServiceView | None) -> bool:
    """Whether nothing of the service is left. Raises ServeError if something cannot be terminated."""
    if view is not None and view.status is ServiceStatus.FAILED_CLEANUP:
        raise ServeError(
            ErrorKind.CONFLICT,
            f"Service '{name}' could not be cleaned up: {view.detail or 'a machine cannot be terminated'}",
            f"To forget it, machines and all: sky serve down {name} --purge",
        )
    return view is None
