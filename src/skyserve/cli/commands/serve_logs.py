"""`sky serve logs`."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from skyserve.cli.service_names import service_names

if TYPE_CHECKING:
    from skyserve.client.calls import Target
    from skyserve.client.client import Client


@click.command()
@click.argument("name", shell_complete=service_names)
@click.argument("replica_ids", nargs=-1, type=click.IntRange(min=1), metavar="[REPLICA_ID]...")
@click.option("--controller", is_flag=True, help="What the controller did with the service, and why.")
@click.option("--load-balancer", is_flag=True, help="The requests that came to the endpoint.")
@click.option(
    "--follow/--no-follow", default=None, help="Go on as more is written. [default: --follow, --no-follow with --tail]"
)
@click.option("--tail", type=click.IntRange(min=0), help="Begin with the last so many lines.")
@click.option("--json", "raw", is_flag=True, help="With --load-balancer: one JSON object a request, as it was logged.")
@click.option("-s", "--sync-down", is_flag=True, help="Save logs in ~/sky_logs/service, all if none is named.")
def logs(
    name: str,
    replica_ids: tuple[int, ...],
    controller: bool,
    load_balancer: bool,
    follow: bool | None,
    tail: int | None,
    raw: bool,
    sync_down: bool,
) -> None:
    """Show what a replica printed, what was done for the service, or which requests came.

    Example: sky serve logs web 1 --tail 100
    """
    from skyserve.client.client import Client

    targets: list[Target] = ["controller"] if controller else []
    targets += ["load_balancer"] if load_balancer else []
    targets += replica_ids
    client = Client()
    if sync_down:
        _save(client, name, targets, tail)
        return
    if len(targets) != 1:
        raise click.UsageError("Specify a target to tail: --controller, --load-balancer, or a REPLICA_ID.")
    if raw and not load_balancer:
        raise click.UsageError("--json goes with --load-balancer only: other logs are text.")
    chunks = client.logs(name, targets[0], follow=tail is None if follow is None else follow, tail=tail)
    if load_balancer and not raw:
        from skyserve.cli.render.access import access_lines

        for line in access_lines(chunks):
            click.echo(line)
        return
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def _save(client: "Client", name: str, targets: Sequence["Target"], tail: int | None) -> None:
    directory = _directory(name)
    for target in targets or _everything(client, name):
        path = directory / (f"replica-{target}.log" if isinstance(target, int) else f"{target}.log")
        chunks = client.logs(name, target, tail=tail)
        # The first step is where a target that does not exist is found out: before a file is made.
        first = next(chunks, b"")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(first)
            file.writelines(chunks)
        click.echo(f"Saved {path}")


def _everything(client: "Client", name: str) -> list["Target"]:
    from skyserve.model.error import ErrorKind, ServeError

    views = client.status([name])
    if not views:
        raise ServeError(ErrorKind.NOT_FOUND, f"Service '{name}' not found.", "See: sky serve status")
    return ["controller", "load_balancer", *(replica.replica_id for replica in views[0].replicas)]


def _directory(name: str) -> Path:
    stamp = time.strftime("%Y-%m-%d-%H-%M-%S")
    return Path("~/sky_logs/service").expanduser() / f"{name}_{stamp}"
