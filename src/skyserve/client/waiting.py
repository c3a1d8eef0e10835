"""When a service that was started, updated or ended has got there. Pure: the clients ask again and again."""

from collections.abc import Sequence

from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.view import ServiceStatus, ServiceView, VersionView

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
    view = _living(name, view)
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


def updated(name: str, version: int, view: ServiceView | None) -> bool:
    """Whether the update to `version` is over, well or not: `check_outcome` tells which. Raises ServeError once it will
    never be."""
    view = _living(name, view)
    if view.version == version and (view.status in _LOST or view.stopped_reason):
        why = view.stopped_reason or view.detail or f"the service is {view.status}"
        raise ServeError(
            ErrorKind.CONFLICT,
            f"The update of service '{name}' to version {version} does not go on: {why}",
            f"See: sky serve logs {name} --controller; to go back: sky serve rollback {name}",
        )
    return view.version != version or view.rollout is None


def check_outcome(name: str, version: int, history: Sequence[VersionView]) -> None:
    """Raise ServeError if the version, whose update is over, is not the one that the service now has."""
    if version == history[-1].version:
        return
    outcome = next((view.outcome for view in history if view.version == version), "it is not remembered any more")
    raise ServeError(
        ErrorKind.CONFLICT,
        f"Version {version} of service '{name}' did not take over: {outcome.removeprefix('failed: ')}. "
        f"The service is at version {history[-1].version} now.",
        f"See: sky serve history {name}; sky serve logs {name} --controller",
    )


def _living(name: str, view: ServiceView | None) -> ServiceView:
    if view is None:
        raise ServeError(ErrorKind.NOT_FOUND, f"Service '{name}' has been terminated.")
    return view


def gone(name: str, view: ServiceView | None) -> bool:
    """Whether nothing of the service is left. Raises ServeError if something cannot be terminated."""
    if view is not None and view.status is ServiceStatus.FAILED_CLEANUP:
        raise ServeError(
            ErrorKind.CONFLICT,
            f"Service '{name}' could not be cleaned up: {view.detail or 'a machine cannot be terminated'}",
            f"To forget it, machines and all: sky serve down {name} --purge",
        )
    return view is None
