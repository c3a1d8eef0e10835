"""`sky check`."""

import click


@click.command()
@click.argument("infras", nargs=-1, metavar="[INFRA]...")
@click.option("-v", "--verbose", is_flag=True, help="Show what was found: machines, GPUs, how ports are kept apart.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the output.")
def check(infras: tuple[str, ...], verbose: bool, output: str) -> None:
    """Look which infras can be used, and say why others cannot.

    INFRA is a name (local), or a kind (ssh: all pools). Ends with exit code 1 if none of those looked at is enabled,
    and 3 if one is not known.

    Example: sky check local -v
    """
    from skyserve.cli.failures import FAILURE, NOT_FOUND, Failure
    from skyserve.client.client import Client

    results = Client().check()
    for wanted in infras:
        if not any(_matches(result.infra, wanted) for result in results):
            known = ", ".join(result.infra for result in results) or "none"
            raise Failure(f"Infra '{wanted}' is not known.", f"Known: {known}", NOT_FOUND)
    results = [result for result in results if not infras or any(_matches(result.infra, w) for w in infras)]
    if output == "json":
        from skyserve.cli.render.json_text import json_text

        click.echo(json_text(results))
    else:
        from skyserve.cli.render.checks import checks_report

        click.echo(checks_report(results, verbose=verbose))
    if not any(result.enabled for result in results):
        click.get_current_context().exit(FAILURE)


def _matches(infra: str, wanted: str) -> bool:
    return infra == wanted or infra.startswith(f"{wanted}/")
