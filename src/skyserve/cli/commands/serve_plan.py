"""`sky serve plan`."""

import click

from skyserve.cli.service_names import service_names


@click.command()
@click.argument("name", shell_complete=service_names)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the output.")
def plan(name: str, output: str) -> None:
    """Show what the controller would do with a service now, and why. Does nothing.

    Example: sky serve plan web
    """
    from skyserve.client.client import Client

    view = Client().plan(name)
    if output == "json":
        from skyserve.cli.render.json_text import json_text

        click.echo(json_text(view))
    else:
        from skyserve.cli.render.plan import plan_report

        click.echo(plan_report(view))
