"""`sky serve top`."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from skyserve.cli.service_names import service_names

if TYPE_CHECKING:
    from skyserve.client.activity import ServiceActivity
    from skyserve.client.client import Client
    from skyserve.model.traffic import ServiceTraffic

WINDOW_SECONDS = 10.0
"""Rates and percentiles are of so long, once it has been watched for so long: shorter ones jump."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAMES]...", shell_complete=service_names)
@click.option(
    "--interval", type=click.FloatRange(min=0.2), default=2.0, show_default=True, help="Seconds between two looks."
)
@click.option("--once", is_flag=True, help="Look twice, show what came between, and end.")
@click.option(
    "-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the output; json: --once."
)
def top(names: tuple[str, ...], interval: float, once: bool, output: str) -> None:
    """Watch what services do: requests, errors, latencies, replicas and what they cost.

    Ends with exit code 3 if a service that is named does not exist. Without a terminal it ends by itself, as with
    --once.

    Example: sky serve top web
    """
    from skyserve.cli.failures import NOT_FOUND
    from skyserve.cli.progress import is_terminal, terminal_width
    from skyserve.cli.render.missing import not_found
    from skyserve.client.client import Client

    client = Client()
    existing = [view.name for view in client.status()]
    missing = [name for name in names if name not in existing]
    for name in missing:
        click.echo(not_found(name, existing), err=True)
    chosen = [name for name in names if name in existing]
    if not missing or chosen:
        shown = _looks(client, chosen or None, interval)
        if output == "json":
            from skyserve.cli.render.json_text import json_text

            click.echo(json_text(next(shown)))
        elif once or not is_terminal():
            from skyserve.cli.render.top import WIDTH, top_text

            click.echo(top_text(next(shown), width=terminal_width() or WIDTH))
        else:
            _watch(shown)
    if missing:
        click.get_current_context().exit(NOT_FOUND)


def _looks(client: "Client", names: Sequence[str] | None, interval: float) -> "Iterator[list[ServiceActivity]]":
    """What the services do, again and again, each time as of the last while."""
    from skyserve.client.activity import activity

    seen = deque([_traffic(client, names)])
    while True:
        time.sleep(interval)
        seen.append(_traffic(client, names))
        while len(seen) > 2 and _at(seen[-1]) - _at(seen[1]) >= WINDOW_SECONDS:
            seen.popleft()
        views = client.status(names)
        yield [activity(view, seen[0].get(view.service_id), seen[-1].get(view.service_id)) for view in views]


def _traffic(client: "Client", names: Sequence[str] | None) -> "dict[int, ServiceTraffic]":
    return {traffic.service_id: traffic for traffic in client.traffic(names)}


def _at(look: "dict[int, ServiceTraffic]") -> float:
    """When it was; a look that told nothing was long ago."""
    return max((traffic.at for traffic in look.values()), default=0.0)


def _watch(shown: "Iterator[list[ServiceActivity]]") -> None:
    from skyserve.cli.render.top import top_text, watching

    click.echo("Looking ...")
    with watching() as (show, width):
        for activities in shown:
            show(top_text(activities, width=width(), hint=True))
