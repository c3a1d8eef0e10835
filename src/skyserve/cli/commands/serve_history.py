"""`sky serve history`."""

import time

import click

from skyserve.cli.service_names import service_names


@click.command()
@click.argument("name", shell_complete=service_names)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the output.")
def history(name: str, output: str) -> None:
    """Show the versions of a service, and what became of each.

    Example: sky serve history web
    """
    from skyserve.client.client import Client

    versions = Client().history(name)
    if output == "json":
        from skyserve.cli.render.json_text import json_text

        click.echo(json_text(versions))
    else:
        from skyserve.cli.render.history import history_table

        click.echo(history_table(versions, now=time.time()))
