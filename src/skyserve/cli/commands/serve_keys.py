"""`sky serve keys`: who may send requests to a service."""

import re
import time
from typing import Any

import click

from skyserve.cli.service_names import service_names

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class Span(click.ParamType[float]):
    """`45m`, `12h`, `30d`, `4w`, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Fails for what is no time, or lasts none."""
        match = re.fullmatch(r"([1-9]\d{0,5})([mhdw])", str(value))
        if match is None:
            self.fail(f"{value!r} is no time. Write for example 45m, 12h, 30d or 4w.", param, ctx)
        return float(int(match[1]) * _SECONDS[match[2]])


@click.group()
def keys() -> None:
    """Make, list and revoke API keys of a service.

    Example: sky serve keys create web mobile
    """


@keys.command()
@click.argument("service", shell_complete=service_names)
@click.argument("key_name", required=False)
@click.option("--requests-per-minute", type=click.IntRange(1, 10**9), help="Most requests. [default: no limit]")
@click.option("--tokens-per-minute", type=click.IntRange(1), help="Most tokens. [default: no limit]")
@click.option("--tokens-per-day", type=click.IntRange(1), help="Most tokens of a day in UTC. [default: no limit]")
@click.option(
    "--priority",
    type=click.IntRange(-10, 10),
    default=0,
    show_default=True,
    help="Of its requests where they have to wait: the higher goes first.",
)
@click.option("--expires", type=Span(), help="How long it is good: 45m, 12h, 30d, 4w. [default: until it is revoked]")
@click.option("-q", "--quiet", is_flag=True, help="Print the key and nothing else.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Form of the output.")
def create(service: str, key_name: str | None, quiet: bool, output: str, expires: float | None, **limits: int) -> None:
    """Make an API key. It is shown this once: what is kept of it is a hash.

    Example: sky serve keys create web mobile --requests-per-minute 60 --expires 30d
    """
    from skyserve.cli.render.json_text import json_text
    from skyserve.cli.render.keys import new_key_report, open_note
    from skyserve.client.client import Client
    from skyserve.model.key import KeyLimits

    made = Client().create_key(service, key_name, KeyLimits(**limits), expires_in=expires)
    if output == "json":
        click.echo(json_text(made))
    else:
        click.echo(made.key if quiet else new_key_report(service, made))
    if not made.required:
        click.echo(open_note(service), err=True)


@keys.command("list")
@click.argument("service", shell_complete=service_names)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the output.")
def list_keys(service: str, output: str) -> None:
    """Show the API keys of a service: what each may use up, and has used. No key is shown.

    Example: sky serve keys list web
    """
    from skyserve.cli.render.json_text import json_text
    from skyserve.cli.render.keys import keys_table
    from skyserve.client.client import Client

    found = Client().keys(service)
    click.echo(json_text(found) if output == "json" else keys_table(found, now=time.time()))


@keys.command()
@click.argument("service", shell_complete=service_names)
@click.argument("key", metavar="NAME_OR_ID")
def revoke(service: str, key: str) -> None:
    """Let an API key be good for nothing from now on. What it has begun goes on to its end.

    Example: sky serve keys revoke web mobile
    """
    from skyserve.client.client import Client

    Client().revoke_key(service, key)
    click.echo(f"API key '{key}' of service '{service}' is revoked.")
