"""`sky serve top`: services, and below each its replicas."""

import io
import re
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
NARROW = 76
"""With fewer columns than this, places and bars are left out."""
BAR = 8
"""Characters of the longest bar; half of it where there is little room."""
BUSIEST = 5
"""API keys that are shown."""
_UNITS = ("B", "kB", "MB", "GB", "TB")
_TOGETHER = "\ue000"
"""Of no meaning in Unicode: stands for a blank at which no line ends, until the lines are made. A no-break space does
not keep rich from ending them."""
_BLANKS = re.compile(r" +(?=(\x1b\[[0-9;]*m)*$)")
"""At the end of a line, before what ends its colours."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def top_text(activities: Sequence[ServiceActivity], *, width: int = WIDTH, hint: bool = False) -> str:
    """All services with colours, for so many columns. `hint`: also tell how the watching ends."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="standard", highlight=False)
    with console.capture() as captured:
        console.print(_screen(activities, width, hint))
    lines = captured.get().replace(_TOGETHER, " ").splitlines()
    return "\n".join(_BLANKS.sub("", line) for line in lines)


def fitted(text: str, height: int) -> str:
    """No more lines than there are, with a word on those that are left out; the last one stays."""
    *lines, last = text.splitlines()
    room = height - 2
    if len(lines) <= room + 1:
        return text
    return "\n".join([*lines[:room], click.style(f"... {len(lines) - room} more lines", dim=True), last])


@contextmanager
def watching() -> Iterator[tuple[Callable[[str], None], Callable[[], int]]]:
    """A function that shows a text in place of the one before, and one that tells how wide the terminal is. A terminal
    that cannot go back shows them one after the other, without colours."""
    console = Console()
    if console.is_dumb_terminal:
        yield lambda text: click.echo(f"{click.unstyle(text)}\n"), lambda: console.width
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        yield (
            lambda text: live.update(Text.from_ansi(fitted(text, console.height)), refresh=True),
            lambda: console.width,
        )


def _screen(activities: Sequence[ServiceActivity], width: int, hint: bool) -> RenderableType:
    parts: list[RenderableType] = []
    for activity in activities:
        parts += [_headline(activity), _totals(activity), _replicas(activity, width), *_keys(activity, width), ""]
    if not activities:
        parts += ["No existing services.", ""]
    if hint:
        parts.append(Text("Ctrl-C ends the watching.", style="dim"))
    return Group(*parts[: None if hint else -1])


def _headline(service: ServiceActivity) -> Text:
    words = [
        (service.name, "bold"),
        (str(service.status), service_colour(service.status)),
        (f"version {service.version}", ""),
        (f"{service.ready_replicas} of {service.target_replicas} replicas ready", ""),
    ]
    words += [(f"${service.hourly_usd:.2f}/h", "")] if service.hourly_usd else []
    words += [(f"{service.ejected} ejected", "red")] if service.ejected else []
    return Text("  ").join(Text(word.replace(" ", _TOGETHER), style) for word, style in words)


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
        *_times(service.first_byte_p50, service.first_byte_p95, "to the first byte"),
        _fact(f"{_size(service.received_bytes_per_second)}/s", "in"),
        _fact(f"{_size(service.sent_bytes_per_second)}/s", "out"),
    ]
    waits = _times(service.waited_p50, service.waited_p95, "waited for a replica", "yellow")
    return Text("\n").join(Text("  ").join(line) for line in (requests, times_and_bytes, waits) if line)


def _times(p50: float | None, p95: float | None, word: str, style: str = "") -> list[Text]:
    """Nothing where nothing was measured."""
    return [] if p50 is None else [_fact(_time(p50), f"{word} p50", style), _fact(_time(p95), "p95", style)]


def _fact(value: str, word: str, style: str = "") -> Text:
    """A line may end after it, and not within."""
    return Text.assemble(
        (value.replace(" ", _TOGETHER), style or "bold"), _TOGETHER, (word.replace(" ", _TOGETHER), "dim")
    )


def _replicas(service: ServiceActivity, width: int) -> RenderableType:
    if not service.replicas:
        return Text("No replicas.", style="dim")
    short, narrow = width < WIDE, width < NARROW
    bar = 0 if narrow else BAR // 2 if short else BAR
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for name in ("ID", "VER"):
        table.add_column(name, justify="right", no_wrap=True, min_width=3)
    table.add_column("STATUS", no_wrap=True, max_width=13 if short else None)
    if not narrow:
        table.add_column("PLACE", no_wrap=True, overflow="ellipsis", max_width=17 if short else None)
    for name, width in (("BUSY", 4), ("REQ/S", 5), ("ERR/S", 5), ("P50", 6), ("P95", 6)):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    table.add_column("SHARE", no_wrap=True, min_width=5 + bar)
    for replica in service.replicas:
        table.add_row(*_row(replica, bar, placed=not narrow))
    return table


def _row(replica: ReplicaActivity, bar: int, *, placed: bool) -> list[RenderableType]:
    return [
        str(replica.replica_id),
        str(replica.version),
        Text("ejected", style="red") if replica.ejected else Text(replica.status, style=replica_colour(replica.status)),
        *([replica.infra or "-"] if placed else []),
        str(replica.in_flight),
        _rate(replica.requests_per_second),
        Text(_rate(replica.errors_per_second), style="red" if replica.errors_per_second else "dim"),
        _time(replica.first_byte_p50),
        _time(replica.first_byte_p95),
        _share(replica.share, bar),
    ]


def _keys(service: ServiceActivity, width: int) -> list[RenderableType]:
    """Those that were used; a service may have a thousand."""
    used = sorted((key for key in service.keys if key.requests_per_second), key=lambda key: -key.requests_per_second)
    if not used:
        return []
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    numbers = ("REQ/S", "REFUSED/S", "TOKENS/S", "TOKENS LEFT")
    room = width - sum(len(name) + 1 for name in numbers) - 1
    table.add_column("KEY", no_wrap=True, overflow="ellipsis", min_width=3, max_width=max(8, room))
    for name in numbers:
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
