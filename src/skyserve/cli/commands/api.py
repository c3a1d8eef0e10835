"""`sky api`: the controller's process."""

import click


@click.group()
def api() -> None:
    """Look at, start and stop the controller.

    It starts by itself when it is needed, and ends by itself some time after the last service is gone.

    Example: sky api info
    """


@api.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the output.")
def info(output: str) -> None:
    """Show whether the controller runs, and where its files are.

    Ends with exit code 1 if it does not run.

    Example: sky api info
    """
    from skyserve.cli.failures import FAILURE
    from skyserve.client.client import Client

    client = Client()
    health = client.health()
    facts = {
        "running": health is not None,
        "pid": health.pid if health else None,
        "version": health.version if health else None,
        "protocol": health.protocol if health else None,
        "socket": str(client.home.api_socket),
        "log": str(client.home.controller_log),
        "database": str(client.home.database),
    }
    if output == "json":
        from skyserve.cli.render.json_text import json_text

        click.echo(json_text(facts))
    else:
        for name, value in facts.items():
            click.echo(f"{name:<10}{'-' if value is None else value}")
    if health is None:
        click.get_current_context().exit(FAILURE)


@api.command()
def start() -> None:
    """Start the controller, if it does not run.

    Example: sky api start
    """
    from skyserve.client.client import Client

    click.echo(f"The controller runs (pid {Client().start_controller().pid}).")


@api.command()
def stop() -> None:
    """Stop the controller. Services run on, but nothing replaces or scales their replicas until it is started again.

    Example: sky api stop
    """
    from skyserve.client.client import Client
    from skyserve.client.unix_http import NotRunning

    try:
        Client().stop_controller()
    except NotRunning:
        click.echo("The controller is not running.")
    else:
        click.echo("The controller is stopped. Services run on.")
