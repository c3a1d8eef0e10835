"""`sky status`."""

import time

import click


@click.command()
@click.option("-r", "--refresh", is_flag=True, help="Ask every infra again whether it can be used.")
@click.option("-v", "--verbose", is_flag=True, help="Show policies, resources, all replicas and whole reasons.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the output.")
def status(refresh: bool, verbose: bool, output: str) -> None:
    """Show which infras are enabled, and all services.

    Example: sky status -r
    """
    from skyserve.client.client import Client

    client = Client()
    # A look at the infras needs a controller; none is started only to say that there is nothing.
    checks = None if client.dormant() and not refresh else client.check(refresh=refresh)
    services = client.status()
    if output == "json":
        from skyserve.cli.render.json_text import json_text

        enabled = None if checks is None else [check.infra for check in checks if check.enabled]
        click.echo(json_text({"enabled_infra": enabled, "services": services}))
        return
    from skyserve.cli.render.checks import enabled_line
    from skyserve.cli.render.services import services_report

    click.echo("Enabled Infra: not checked yet (see: sky check)" if checks is None else enabled_line(checks))
    click.echo()
    click.echo(services_report(services, now=time.time(), verbose=verbose))
