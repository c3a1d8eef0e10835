"""The names of services, for shell completion."""

import click
from click.shell_completion import CompletionItem


def service_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Services that run and whose names begin so. Starts no controller, and says nothing if something is wrong:
    a message would land in the middle of what is being typed."""
    from skyserve.client.client import Client
    from skyserve.model.error import ServeError

    try:
        views = Client(autostart=False).status()
    except (ServeError, OSError):
        return []
    return [CompletionItem(view.name, help=view.status) for view in views if view.name.startswith(incomplete)]
