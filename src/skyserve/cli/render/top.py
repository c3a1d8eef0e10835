"""`sky serve top`: services, and below each its replicas."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from skyserve.cli.render.services import replica_colour, service_colour
from skyserve.client.activity import ReplicaActivity, ServiceActivity

WIDTH = 80
"""Columns, where nobody says how many there are."""
WIDE = 100
"""From so many columns on, nothing is shortened."""
BAR = 8
"""Characters of the longest bar; half of it where there is little room."""
BUSIEST = 5
"""API keys that are shown."""
_UNITS = ("B", "kB", "MB", "GB", "TB")
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def top_text(activities: Sequence[ServiceActivity], *, width: int = WIDTH, hint: bool = False) -> str:
    """All services with colours, for so many columns. `hint`: also tell how the watching ends."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="standard", highlight=False)
    with console.capture() as captured:
        console.print(_screen(activities, width < WIDE, hint))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


@contextmanager
def watching() -> Iterator[tuple[Callable[[str], None], Callable[[], int]]]:
    """A function that shows a text in place of the one before, and one that tells how wide the terminal is. A terminal
    that cannot go back shows them one after the other, without colours."""
    console = Console()
    if console.is_dumb_terminal:
        yield lambda text: click.echo(f"{click.unstyle(text)}\n"), lambda: console.width
        return
    with Live(console=console, auto_refresh=False, screen=True, vertical_overflow="crop") as live:
        yield lambda text: live.update(Text.from_ansi(text), refresh=True), lambda: console.width


def _screen(activities: Sequence[ServiceActivity], narrow: bool, hint: bool) -> RenderableType:
    parts: list[RenderableType] = []
    for activity in activities:
        parts += [_headline(activity), _totals(activity), _replicas(activity, narrow), *_keys(activity), ""]
    if not activities:
        parts += ["No existing services.", ""]
    if hint:
        parts.append(Text("Ctrl-C ends the watching.", style="dim"))
    return Group(*parts[: None if hint else -1])


def _headline(service: ServiceActivity) -> Text:
    return Text.assemble(
        (service.name, "bold"),
        "  ",
        (service.status, service_colour(service.status)),
        f"  version {service.version}",
        f"  {service.ready_replicas} of {service.target_replicas} replicas ready",
        f"  ${service.hourly_usd:.2f}/h" if service.hourly_usd else "",
        (f"  {service.ejected} ejected", "red") if service.ejected else "",
    )


def _totals(service: ServiceActivity) -> Text:
    if not service.seconds:
        return Text("The endpoint does not tell what it counts.", style="yellow")
    requests = [
        _fact(_rate(service.requests_per_second), "req/s"),
        _fact(_rate(service.errors_per_second), "err/s", "red" if service.errors_per_second else ""),
        _fact(str(service.in_flight), "in flight"),
        _fact(str(service.connections), "connections"),
    ]
    requests += [
        _fact(str(count), word, "yellow")
        for count, word in ((service.held, "held"), (service.queued, "queued"))
        if count
    ]
    if service.retries_per_second:
        requests.append(_fact(_rate(service.retries_per_second), "retries/s", "yellow"))
    if service.refused_per_second:
        requests.append(_fact(_rate(service.refused_per_second), "found no replica/s", "red"))
    if service.turned_away_per_second:
        requests.append(_fact(_rate(service.turned_away_per_second), "turned away/s", "red"))
    times_and_bytes = [
        _fact(_time(service.first_byte_p50), "to the first byte p50"),
        _fact(_time(service.first_byte_p95), "p95"),
        _fact(f"{_size(service.received_bytes_per_second)}/s", "in"),
        _fact(f"{_size(service.sent_bytes_per_second)}/s", "out"),
    ]
    waits = [
        _fact(_time(service.waited_p50), "waited for a replica p50", "yellow"),
        _fact(_time(service.waited_p95), "p95", "yellow"),
    ]
    lines = [requests, times_and_bytes, *([waits] if service.waited_p50 is not None else [])]
    return Text("\n").join(Text("  ").join(line) for line in lines)


def _fact(value: str, word: str, style: str = "") -> Text:
    return Text.assemble((value, style or "bold"), " ", (word, "dim"))


def _replicas(service: ServiceActivity, narrow: bool) -> RenderableType:
    if not service.replicas:
        return Text("No replicas.", style="dim")
    bar = BAR // 2 if narrow else BAR
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for name in ("ID", "VER"):
        table.add_column(name, justify="right", no_wrap=True, min_width=3)
    table.add_column("STATUS", no_wrap=True, max_width=13 if narrow else None)
    table.add_column("PLACE", no_wrap=True, overflow="ellipsis", max_width=17 if narrow else None)
    for name, width in (("BUSY", 4), ("REQ/S", 5), ("ERR/S", 5), ("P50", 6), ("P95", 6)):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    table.add_column("SHARE", no_wrap=True, min_width=5 + bar)
    for replica in service.replicas:
        table.add_row(*_row(replica, bar))
    return table


def _row(replica: ReplicaActivity, bar: int) -> list[RenderableType]:
    return [
        str(replica.replica_id),
        str(replica.version),
        Text("ejected", style="red") if replica.ejected else Text(replica.status, style=replica_colour(replica.status)),
        replica.infra or "-",
        str(replica.in_flight),
        _rate(replica.requests_per_second),
        Text(_rate(replica.errors_per_second), style="red" if replica.errors_per_second else "dim"),
        _time(replica.first_byte_p50),
        _time(replica.first_byte_p95),
        _share(replica.share, bar),
    ]


def _keys(service: ServiceActivity) -> list[RenderableType]:
    """Those that were used; a service may have a thousand."""
    used = sorted((key for key in service.keys if key.requests_per_second), key=lambda key: -key.requests_per_second)
    if not used:
        return []
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("KEY", no_wrap=True, overflow="ellipsis", min_width=3)
    for name in ("REQ/S", "REFUSED/S", "TOKENS/S", "TOKENS LEFT"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for key in used[:BUSIEST]:
        left = [tokens for tokens in (key.minute_tokens_left, key.day_tokens_left) if tokens is not None]
        table.add_row(
            key.name,
            _rate(key.requests_per_second),
            Text(_rate(key.refused_per_second), style="red" if key.refused_per_second else "dim"),
            _rate(key.tokens_per_second),
            str(min(left)) if left else "-",
        )
    more = len(used) - BUSIEST
    return [table, *([Text(f"... {more} more that are less busy", style="dim")] if more > 0 else [])]


def _share(percent: float | None, longest: int) -> Text:
    if percent is None:
        return Text("-", style="dim")
    full, eighth = divmod(round(percent / 100 * longest * 8), 8)
    bar = "█" * full + (_EIGHTHS[eighth] if eighth else "")
    return Text.assemble(f"{percent:3.0f}% ", (bar, "cyan"))


def _rate(value: float) -> str:
    """`0`, `0.3`, `12.4`, `1240`."""
    return "0" if not value else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _time(seconds: float | None) -> str:
    """`8 ms`, `1.2 s`, `12 s`; `-` where nothing was measured."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _size(amount: float) -> str:
    """`0 B`, `1.2 kB`, `34 MB`."""
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("the last unit takes all")
