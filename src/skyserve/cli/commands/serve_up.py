"""`sky serve up`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skyserve.cli.task_options import read_task, task_options

if TYPE_CHECKING:
    from skyserve.client.client import Client


def _name(_: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    from skyserve.model.name import valid_name

    if given is not None and not valid_name(given):
        raise click.BadParameter(
            "a name begins with a letter, ends with a letter or digit, and has dashes, underscores and dots between",
            param=parameter,
        )
    return given


@click.command()
@click.argument("yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-n", "--service-name", callback=_name, help="Name of the service. Without it, one is made up.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Return once a replica is ready, showing the progress.")
@task_options
def up(yaml: Path, service_name: str | None, yes: bool, wait: bool, **options: Any) -> None:
    """Start the service that a YAML file describes.

    Returns once the service is recorded and has its endpoint; its replicas come up in the background. Relative paths in
    the file are taken from the current directory.

    Example: sky serve up service.yaml -n web --env MODEL=gemma --wait
    """
    import secrets

    from skyserve.cli.preview import show_offers, show_spec
    from skyserve.client.client import Client
    from skyserve.model.error import ErrorKind, ServeError

    task = read_task(yaml, **options)
    # SkyServe's form of a made-up name.
    name = service_name or f"sky-service-{secrets.token_hex(2)}"
    client = Client()
    show_spec(yaml, task)
    if client.status([name]):
        raise ServeError(
            ErrorKind.NAME_TAKEN,
            f"Service '{name}' exists already.",
            f"Change it: sky serve update {name} {yaml}; choose another name with -n; or end it: sky serve down {name}",
        )
    show_offers(client, task)
    if not yes:
        click.confirm(f"Launching a new service '{name}'. Proceed?", default=True, abort=True)
    view = client.up(task, name)
    _tell(view.name, view.endpoint)
    if wait:
        _wait(client, view.name)


def _tell(name: str, endpoint: str) -> None:
    from skyserve.cli.render.commands import useful_commands

    click.echo(f"Service name: {click.style(name, bold=True)}")
    click.echo(f"Endpoint URL: {click.style(endpoint, bold=True)}")
    click.echo()
    click.echo(useful_commands(name, endpoint))
    click.echo()
    click.echo(f"{click.style('✓', fg='green')} Service is spinning up and replicas will be ready shortly.")


def _wait(client: "Client", name: str) -> None:
    from skyserve.cli.failures import INTERRUPTED, Failure
    from skyserve.cli.progress import wait_for
    from skyserve.client.waiting import ready

    try:
        wait_for(client, name, ready)
    except KeyboardInterrupt:
        raise Failure(
            f"No longer waiting. Service '{name}' goes on starting.",
            f"Watch it: sky serve status {name} --watch; end it: sky serve down {name}",
            INTERRUPTED,
        ) from None
    click.echo(f"{click.style('✓', fg='green')} Service '{name}' is ready.")
