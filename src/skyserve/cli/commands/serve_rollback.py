"""`sky serve rollback`."""

import click

from skyserve.cli.following import follow_update, tell_scheduled
from skyserve.cli.service_names import service_names


@click.command()
@click.argument("name", shell_complete=service_names)
@click.option("--to", type=click.IntRange(min=1), metavar="VERSION", help="The version to go back to.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, and do not show what changes.")
@click.option("--follow/--no-follow", default=True, help="Show the progress until it is done, or return at once.")
def rollback(name: str, to: int | None, yes: bool, follow: bool) -> None:
    """Go back to an earlier version of a service.

    By default to the one before; during an update, to the one that it replaces. It becomes a new version, brought in as
    an update is.

    Example: sky serve rollback web --to 2
    """
    from skyserve.cli.render.preview import preview_report
    from skyserve.client.client import Client

    client = Client()
    if not yes:
        preview = client.preview_rollback(name, to)
        click.echo(preview_report(preview))
        click.echo()
        click.confirm(f"Rolling service '{name}' back to version {preview.to}. Proceed?", default=True, abort=True)
    version = client.rollback(name, to).version
    if follow:
        follow_update(client, name, version, what="rollback")
    else:
        tell_scheduled(name, version, what="rollback")
