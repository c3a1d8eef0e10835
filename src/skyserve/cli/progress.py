"""Showing how a service is getting on, while somebody waits for it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size

import click

from skyserve.cli.render.rollout import rollout_words
from skyserve.cli.render.services import services_report
from skyserve.client.client import Client
from skyserve.client.waiting import POLL_SECONDS
from skyserve.model.view import ServiceView


def is_terminal() -> bool:
    """Whether a person watches stdout."""
    return sys.stdout.isatty()


def terminal_width() -> int | None:
    """Columns of the terminal; None: no person watches stdout."""
    return get_terminal_size().columns if is_terminal() else None


@contextmanager
def screen() -> Iterator[Callable[[str], None]]:
    """A function that shows a text in place of the one before. Only for terminals."""
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False, vertical_overflow="visible") as live:
        yield lambda text: live.update(Text.from_ansi(text), refresh=True)


def wait_for(client: Client, name: str, reached: Callable[[str, ServiceView | None], bool]) -> None:
    """Return once `reached` says so of the service (None: it is no more). Shows the tables on a terminal, else a line
    for each change. What `reached` raises ends the waiting."""
    watched = is_terminal()
    with screen() if watched else _lines() as show:
        while True:
            views = client.status([name])
            if views:
                show(services_report(views, now=time.time(), width=terminal_width()) if watched else _summary(views[0]))
            if reached(name, views[0] if views else None):
                return
            time.sleep(POLL_SECONDS)


@contextmanager
def _lines() -> Iterator[Callable[[str], None]]:
    last = ""

    def show(text: str) -> None:
        nonlocal last
        if text != last:
            click.echo(text)
        last = text

    yield show


def _summary(view: ServiceView) -> str:
    replicas = ", ".join(f"{replica.replica_id} {replica.status}" for replica in view.replicas)
    counts = f"{view.ready_replicas}/{view.total_replicas} replicas ready"
    # A line for each change, not for each second.
    update = f"; {rollout_words(view, view.rollout, waiting=False)}" if view.rollout else ""
    return f"{view.name}: {view.status}, {counts}" + (f" ({replicas})" if replicas else "") + update
