"""Following an update to its end."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from skyserve.client.client import Client


def follow_update(client: "Client", name: str, version: int, *, what: str = "update") -> None:
    """Show how the update to a version gets on, and return once it has taken over. Raises ServeError if it does not,
    and Failure where the user no longer wants to wait. `what`: what it is called."""
    from skyserve.cli.failures import INTERRUPTED, Failure
    from skyserve.cli.progress import wait_for
    from skyserve.client.waiting import check_outcome, updated

    try:
        wait_for(client, name, lambda name, view: updated(name, version, view))
        check_outcome(name, version, client.history(name))
    except KeyboardInterrupt:
        raise Failure(
            f"No longer watching. The {what} of service '{name}' to version {version} goes on.",
            f"Watch it: sky serve status {name} --watch; hold it: sky serve pause {name}; "
            f"go back: sky serve rollback {name}",
            INTERRUPTED,
        ) from None
    click.echo(f"{click.style('✓', fg='green')} Service '{name}' is at version {version} now.")


def tell_scheduled(name: str, version: int, *, what: str = "update") -> None:
    """Say that it goes on without us."""
    click.echo(
        f"The {what} of service '{name}' to version {version} has begun. Watch it: sky serve status {name} --watch"
    )
