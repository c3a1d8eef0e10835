"""`sky serve pause`."""

import click

from skyserve.cli.service_names import service_names


@click.command()
@click.argument("name", shell_complete=service_names)
def pause(name: str) -> None:
    """Hold an update where it stands.

    Replicas of both versions stay, with the share of requests they have.

    Example: sky serve pause web
    """
    from skyserve.client.client import Client

    version = Client().pause(name).version
    click.echo(f"The update of service '{name}' to version {version} is held.")
    click.echo(f"Go on: sky serve resume {name}; go back: sky serve rollback {name}")
