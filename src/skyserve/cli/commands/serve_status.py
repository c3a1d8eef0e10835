"""`sky serve status`."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from skyserve.cli.service_names import service_names

if TYPE_CHECKING:
    from skyserve.client.client import Client
    from skyserve.model.view import ServiceView

NO_SERVICES = "No live services. (See: sky serve -h)"


@click.command()
@click.argument("names", nargs=-1, metavar="[NAMES]...", shell_complete=service_names)
@click.option("-v", "--verbose", is_flag=True, help="Show policies, resources, all replicas and whole reasons.")
@click.option("--endpoint", is_flag=True, help="Print only the URL of one service.")
@click.option("-w", "--watch", is_flag=True, help="Go on showing the status until interrupted.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the output.")
def status(names: tuple[str, ...], verbose: bool, endpoint: bool, watch: bool, output: str) -> None:
    """Show services and their replicas.

    Ends with exit code 3 if a service that is named does not exist.

    Example: sky serve status web -v
    """
    from skyserve.client.client import Client

    if watch and (endpoint or output == "json"):
        raise click.UsageError("--watch goes with tables only, not with --endpoint or -o json.")
    client = Client()
    if watch:
        _watch(client, names, verbose)
    dormant = client.dormant()
    views = client.status(names or None)
    missing = _missing(client, names, views)
    if endpoint:
        click.echo(_one(views).endpoint or "-")
    elif output == "json":
        from skyserve.cli.render.json_text import json_text

        click.echo(json_text(views))
    elif dormant:
        click.echo(NO_SERVICES)
    else:
        click.echo(_report(views, missing, verbose))
    if missing:
        from skyserve.cli.failures import NOT_FOUND

        click.get_current_context().exit(NOT_FOUND)


def _one(views: Sequence["ServiceView"]) -> "ServiceView":
    if len(views) != 1:
        raise click.UsageError(
            f"{len(views)} service(s) found. Please specify an existing service to show its endpoint. "
            "Usage: sky serve status --endpoint <service-name>"
        )
    return views[0]


def _missing(client: "Client", names: Sequence[str], found: Sequence["ServiceView"]) -> list[str]:
    """What to say of each name that no service bears."""
    missing = [name for name in names if name not in {view.name for view in found}]
    if not missing:
        return []
    from skyserve.cli.render.missing import not_found

    others = [view.name for view in client.status()]
    return [not_found(name, others) for name in missing]


def _report(views: Sequence["ServiceView"], missing: Sequence[str], verbose: bool) -> str:
    from skyserve.cli.progress import terminal_width
    from skyserve.cli.render.services import services_report

    lines = list(missing)
    if views or not missing:
        lines.insert(0, services_report(views, now=time.time(), verbose=verbose, width=terminal_width()))
    return "\n".join(lines)


def _watch(client: "Client", names: tuple[str, ...], verbose: bool) -> None:
    from skyserve.cli.progress import is_terminal, screen
    from skyserve.client.waiting import POLL_SECONDS

    if not is_terminal():
        raise click.UsageError("--watch needs a terminal. For a program, ask again and again: sky serve status -o json")
    with screen() as show:
        while True:
            views = client.status(names or None)
            show(_report(views, _missing(client, names, views), verbose))
            time.sleep(POLL_SECONDS)
