"""`sky serve status`: the tables of services and of their replicas."""

from collections.abc import Sequence

import click

from skyserve.cli.render.durations import ago, uptime
from skyserve.cli.render.rollout import rollout_words
from skyserve.cli.render.table import fitted
from skyserve.model.view import ReplicaStatus, ReplicaView, ServiceStatus, ServiceView

ROWS_MAX = 10
"""Replicas that are shown in all without -v, as SkyServe does."""

_SERVICE_COLOURS = {
    ServiceStatus.CONTROLLER_INIT: "blue",
    ServiceStatus.REPLICA_INIT: "blue",
    ServiceStatus.READY: "green",
    ServiceStatus.NO_REPLICA: "magenta",
    ServiceStatus.FAILED: "red",
    ServiceStatus.SHUTTING_DOWN: "yellow",
    ServiceStatus.FAILED_CLEANUP: "red",
    ServiceStatus.CONTROLLER_FAILED: "red",
}

_REPLICA_COLOURS = {
    ReplicaStatus.PENDING: "yellow",
    ReplicaStatus.PROVISIONING: "blue",
    ReplicaStatus.STARTING: "cyan",
    ReplicaStatus.READY: "green",
    ReplicaStatus.NOT_READY: "yellow",
    ReplicaStatus.SHUTTING_DOWN: "magenta",
    ReplicaStatus.PREEMPTED: "magenta",
}
"""All other words tell a failure: red."""


def service_colour(status: ServiceStatus) -> str:
    """How good or bad it is."""
    return _SERVICE_COLOURS[status]


def replica_colour(status: ReplicaStatus) -> str:
    """How good or bad it is."""
    return _REPLICA_COLOURS.get(status, "red")


def heading(text: str) -> str:
    """The line above a table."""
    return click.style(text, fg="cyan", bold=True)


def services_report(
    views: Sequence[ServiceView], *, now: float, verbose: bool = False, width: int | None = None
) -> str:
    """All that `sky serve status` prints of the services found: two tables, updates under way, and why what is not well
    is not. `width`: columns of the terminal; None: there is none."""
    replicas = [(view.name, replica) for view in views for replica in view.replicas]
    return "\n".join(
        [
            heading("Services"),
            services_table(views, now=now, verbose=verbose, width=width),
            *(f"Update of '{view.name}': {rollout_words(view, view.rollout)}" for view in views if view.rollout),
            "",
            heading("Service Replicas"),
            replicas_table(replicas, now=now, verbose=verbose, width=width),
            *_reasons(views, verbose=verbose),
        ]
    )


def services_table(views: Sequence[ServiceView], *, now: float, verbose: bool = False, width: int | None = None) -> str:
    """One row a service."""
    if not views:
        return "No existing services."
    columns = ["NAME", "VERSION", "UPTIME", "STATUS", "REPLICAS", "ENDPOINT"]
    extra = ["AUTOSCALING_POLICY", "LOAD_BALANCING_POLICY", "REQUESTED_RESOURCES"] if verbose else []
    rows = [_service_row(view, now, verbose) for view in views]
    return _fitted([*columns, *extra], rows, None if verbose else width, ("UPTIME", "VERSION", "REPLICAS"))


def _service_row(view: ServiceView, now: float, verbose: bool) -> list[str]:
    row = [
        view.name,
        ",".join(str(version) for version in view.active_versions) or "-",
        "-" if view.uptime_since is None else uptime(now - view.uptime_since),
        click.style(view.status, fg=service_colour(view.status)),
        f"{view.ready_replicas}/{view.total_replicas}",
        view.endpoint or "-",
    ]
    return [*row, view.policy, view.load_balancing_policy, view.requested_resources] if verbose else row


def replicas_table(
    replicas: Sequence[tuple[str, ReplicaView]], *, now: float, verbose: bool = False, width: int | None = None
) -> str:
    """One row a replica, each with the name of its service."""
    if not replicas:
        return "No existing replicas."
    columns = ["SERVICE_NAME", "ID", "VERSION", "ENDPOINT", "LAUNCHED", "INFRA", "RESOURCES", "STATUS"]
    shown = replicas if verbose else replicas[:ROWS_MAX]
    rows = [_replica_row(name, replica, now) for name, replica in shown]
    lines = _fitted(columns, rows, None if verbose else width, ("RESOURCES", "INFRA", "LAUNCHED", "ENDPOINT"))
    if len(shown) < len(replicas):
        lines += f"\n... {len(replicas) - len(shown)} more (use -v to show all replicas)"
    return lines


def _fitted(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, first_to_go: Sequence[str]
) -> str:
    """What a narrow terminal has no room for is told by name."""
    lines, gone = fitted(columns, rows, width, first_to_go)
    return f"{lines}\n... no room for {', '.join(gone)} (see -v)" if gone else lines


def _replica_row(service: str, replica: ReplicaView, now: float) -> list[str]:
    return [
        service,
        str(replica.replica_id),
        str(replica.version),
        f"http://{replica.endpoint}" if replica.endpoint else "-",
        "-" if replica.launched_at is None else ago(now - replica.launched_at),
        replica.infra or "-",
        replica.resources,
        click.style(replica.status, fg=replica_colour(replica.status)),
    ]


def _reasons(views: Sequence[ServiceView], *, verbose: bool) -> list[str]:
    """A line each for what is not well; its first line only without -v, since a reason may quote a log."""
    told = [(view.name, view.stopped_reason or view.detail) for view in views]
    told += [
        (f"{view.name} replica {replica.replica_id}", replica.detail)
        for view in views
        for replica in (view.replicas if verbose else view.replicas[:ROWS_MAX])
    ]
    lines = [f"{subject}: {_indented(why) if verbose else why.splitlines()[0]}" for subject, why in told if why.strip()]
    return ["", *lines] if lines else []


def _indented(text: str) -> str:
    return "\n  ".join(text.strip().splitlines())
