"""What `up` and `check` show of a task before anything is started."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from skyserve.client.client import Client
    from skyserve.spec.task import Task


def show_spec(path: Path, task: "Task") -> None:
    """Print which file it is, and what it asks for."""
    from skyserve.cli.render.spec_block import spec_block
    from skyserve.spec.describe import requested_resources, service_rows

    click.echo(f"YAML to run: {path}")
    click.echo(spec_block([*service_rows(task), ("Resources of a replica", requested_resources(task))]))
    click.echo()


def show_offers(client: "Client", task: "Task") -> None:
    """Print what each replica would run on. Raises ServeError if that is nowhere."""
    from skyserve.cli.render.offers import offers_table
    from skyserve.model.error import ErrorKind, ServeError
    from skyserve.spec.describe import no_fit_remedy, requested_resources

    offers = client.offers(task)
    if not offers:
        raise ServeError(
            ErrorKind.UNAVAILABLE,
            f"No enabled infra can ever run {requested_resources(task)}.",
            f"{no_fit_remedy(task)} See what there is: sky check -v",
        )
    click.echo("Each replica will use the following resources (estimated):")
    click.echo(offers_table(offers))
    click.echo()
