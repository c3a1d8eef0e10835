"""`sky serve update`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skyserve.cli.following import follow_update, tell_scheduled
from skyserve.cli.service_names import service_names
from skyserve.cli.task_options import read_task, task_options
from skyserve.model.rollout import UpdateMode

if TYPE_CHECKING:
    from skyserve.client.client import Client
    from skyserve.spec.task import Task


def _name(ctx: click.Context, parameter: click.Parameter, given: str) -> str:
    if Path(given).suffix in (".yaml", ".yml") and Path(given).is_file() and not ctx.resilient_parsing:
        raise click.BadParameter(f"this is a file. Write: sky serve update SERVICE {given}", param=parameter)
    return given


@click.command()
@click.argument("name", callback=_name, shell_complete=service_names)
@click.argument("yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in UpdateMode]),
    help="How the new version takes over. [default: service.update.mode of the YAML, else rolling]",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask, and do not show what changes.")
@click.option("--follow/--no-follow", default=True, help="Show the progress until it is done, or return at once.")
@task_options
def update(name: str, yaml: Path, mode: str | None, yes: bool, follow: bool, **options: Any) -> None:
    """Bring in a new version of a service, without interruption.

    Shows what changes and what becomes of replicas, asks, and follows the update to its end. Ctrl-C ends the watching,
    not the update. Ends with exit code 1 if the new version fails and the service goes back to the one before.

    Example: sky serve update web service.yaml --mode canary
    """
    from skyserve.client.client import Client

    task = read_task(yaml, **options)
    client = Client()
    if not yes:
        if task.name not in (None, name):
            click.echo(f"The service is '{name}': the name in {yaml}, '{task.name}', is not used.")
        _ask(client, task, name, mode)
    version = client.update(task, name, None if mode is None else UpdateMode(mode)).version
    if follow:
        follow_update(client, name, version)
    else:
        tell_scheduled(name, version)


def _ask(client: "Client", task: "Task", name: str, mode: str | None) -> None:
    from skyserve.cli.preview import show_offers
    from skyserve.cli.render.preview import preview_report
    from skyserve.model.rollout import Extent
    from skyserve.spec.target import service_of

    preview = client.preview_update(task, name)
    click.echo(preview_report(preview))
    click.echo()
    if preview.extent is Extent.MACHINE:
        show_offers(client, task)
    click.confirm(
        f"Updating service '{name}' ({mode or service_of(task).update.mode}). Proceed?", default=True, abort=True
    )
