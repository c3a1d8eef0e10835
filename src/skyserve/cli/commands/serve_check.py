"""`sky serve check`."""

from pathlib import Path
from typing import Any

import click

from skyserve.cli.task_options import read_task, task_options


def _print_schema(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        import json

        from skyserve.spec.json_schema import json_schema

        click.echo(json.dumps(json_schema(), indent=2))
        ctx.exit()


@click.command()
@click.argument("yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--offline", is_flag=True, help="Look at the file only, not at where it would run.")
@click.option(
    "--json-schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of service YAMLs, for editors, and do nothing else.",
)
@task_options
def check(yaml: Path, offline: bool, **options: Any) -> None:
    """Say whether a YAML file is valid, and show what would run. Starts no service.

    Ends with exit code 2 if it is not, 1 if no infra could run it.

    Example: sky serve check service.yaml
    """
    from skyserve.cli.preview import show_offers, show_spec
    from skyserve.client.client import Client

    task = read_task(yaml, **options)
    show_spec(yaml, task)
    if not offline:
        show_offers(Client(), task)
    click.echo(f"{click.style('✓', fg='green')} {yaml} is valid.")
