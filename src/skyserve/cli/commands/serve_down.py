"""`sky serve down`."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from skyserve.cli.service_names import service_names

if TYPE_CHECKING:
    from skyserve.client.client import Client
    from skyserve.model.view import DownResult

_STUCK = ("FAILED_CLEANUP", "CONTROLLER_FAILED")
"""Statuses that only --purge ends. Left alone in any other, a service is going down already."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAMES]...", shell_complete=service_names)
@click.option("-a", "--all", "everything", is_flag=True, help="End all services.")
@click.option("-p", "--purge", is_flag=True, help="Forget machines that cannot be reached. They may still cost money.")
@click.option("--replica-id", type=click.IntRange(min=1), help="End only this replica; another takes its place.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Return once nothing of the services is left.")
def down(names: tuple[str, ...], everything: bool, purge: bool, replica_id: int | None, yes: bool, wait: bool) -> None:
    """End services, by name or pattern.

    Their replicas are terminated, their endpoints closed. Returns at once; that happens in the background. Ends
    with exit code 3 if a name is of no service, and 1 if a service needs --purge to go.

    Example: sky serve down web 'test-*' -y
    """
    from skyserve.client.client import Client

    if bool(names) == everything:
        raise click.UsageError("Give either the names of services, or --all.")
    client = Client()
    if replica_id is None:
        _down_services(client, names, purge, yes, wait)
    elif len(names) != 1 or wait:
        raise click.UsageError("--replica-id goes with the name of one service, and not with --wait.")
    else:
        _down_replica(client, names[0], replica_id, purge, yes)


def _down_replica(client: "Client", name: str, replica_id: int, purge: bool, yes: bool) -> None:
    if not yes:
        click.confirm(f"Terminating replica {replica_id} of service '{name}'. Proceed?", default=True, abort=True)
    client.terminate_replica(name, replica_id, purge=purge)
    done = "purged" if purge else "terminated"
    click.echo(f"Replica {replica_id} of service '{name}' is scheduled to be {done}.")


def _down_services(client: "Client", patterns: tuple[str, ...], purge: bool, yes: bool, wait: bool) -> None:
    from skyserve.cli.failures import FAILURE, NOT_FOUND
    from skyserve.cli.render.missing import not_found

    views = {view.name: view for view in client.status()}
    # What is asked about and what is done are the same names, whatever starts in between.
    chosen = [name for name in views if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]
    missing = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in views)]
    for pattern in missing:
        click.echo(not_found(pattern, views), err=True)
    if not chosen:
        click.echo("No service to terminate.")
        click.get_current_context().exit(NOT_FOUND if missing else 0)
    if not yes:
        click.confirm(f"Terminating service(s) {_quoted(chosen)}. Proceed?", default=True, abort=True)
    result = client.down(chosen, purge=purge)
    stuck = [skipped.name for skipped in result.skipped if views[skipped.name].status in _STUCK]
    _tell(result, stuck)
    if wait:
        _wait(client, chosen)
    click.get_current_context().exit(FAILURE if stuck else NOT_FOUND if missing else 0)


def _tell(result: "DownResult", stuck: Sequence[str]) -> None:
    if result.scheduled:
        subject = "Service" if len(result.scheduled) == 1 else "Services"
        verb = "is" if len(result.scheduled) == 1 else "are"
        click.echo(f"{subject} {_quoted(result.scheduled)} {verb} scheduled to be terminated.")
    for skipped in result.skipped:
        click.secho(f"Service '{skipped.name}' was left alone: {skipped.reason}.", fg="yellow", err=True)
    for name in stuck:
        click.echo(f"To forget it, with all that could not be terminated: sky serve down {name} --purge", err=True)


def _wait(client: "Client", names: Sequence[str]) -> None:
    from skyserve.cli.progress import wait_for
    from skyserve.client.waiting import gone

    for name in names:
        wait_for(client, name, gone)
        click.echo(f"Service '{name}' is terminated.")


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
