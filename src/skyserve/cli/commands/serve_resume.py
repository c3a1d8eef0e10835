"""`sky serve resume`."""

import click

from skyserve.cli.service_names import service_names


@click.command()
@click.argument("name", shell_complete=service_names)
def resume(name: str) -> None:
    """Go on with an update that is held.

    Example: sky serve resume web
    """
    from skyserve.client.client import Client

    version = Client().resume(name).version
    click.echo(
        f"The update of service '{name}' to version {version} goes on. Watch it: sky serve status {name} --watch"
    )
