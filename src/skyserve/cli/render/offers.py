"""What a service will run on, as a table."""

from collections.abc import Sequence

import click

from skyserve.cli.render.table import table
from skyserve.model.resources import Offer

ROWS_MAX = 10
"""Offers shown; more would push the question off the screen."""


def offers_table(offers: Sequence[Offer]) -> str:
    """One row an offer, the one that would be taken first marked."""
    columns = ["INFRA", "INSTANCE", "vCPUs", "Mem(GB)", "GPUS", "COST ($)", "CHOSEN"]
    rows = [_row(offer, chosen=index == 0) for index, offer in enumerate(offers[:ROWS_MAX])]
    lines = table(columns, rows)
    return lines + (f"\n... {len(offers) - ROWS_MAX} more" if len(offers) > ROWS_MAX else "")


def _row(offer: Offer, *, chosen: bool) -> list[str]:
    return [
        str(offer.place),
        offer.machine + (" [spot]" if offer.spot else ""),
        f"{offer.cpus:g}",
        f"{offer.memory_gib:g}",
        str(offer.accelerators or "-"),
        f"{offer.hourly_usd:.2f}",
        click.style("✔", fg="green") if chosen else "",
    ]
