"""The options that say in what world a service is simulated."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from skyserve.sim.planned.world import World
    from skyserve.sim.requests.trace import RequestTrace
    from skyserve.sim.spot.trace import Trace

F = TypeVar("F", bound=Callable[..., Any])

HOURS = 24.0
"""How long a simulation goes on unless it is said otherwise."""
MOST_REQUESTS = 20_000_000
"""More would not fit into the memory of an ordinary machine."""

_POSITIVE = click.FloatRange(min=0, min_open=True)
_NOT_NEGATIVE = click.FloatRange(min=0)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def _prices(_: click.Context, parameter: click.Parameter, given: str) -> dict[str, float]:
    """`3,A100=4` as "" -> 3 and A100 -> 4."""
    pairs = [part.strip().rpartition("=") for part in given.split(",")]
    try:
        prices = {name: float(price) for name, _equals, price in pairs}
    except ValueError:
        prices = {}
    if "" not in prices or not all(0 <= price < float("inf") for price in prices.values()):
        raise click.BadParameter(
            "write a price, such as 3, and after it others by accelerator: 3,A100=4.1,L4:2=1.6", param=parameter
        )
    return prices


_OPTIONS = (
    click.option(
        "--spot-traces",
        type=_FOLDER,
        metavar="DIR",
        help="Spot capacity of zones over time, one JSON file a zone. Without it, zones are made up.",
    ),
    click.option(
        "--requests",
        default="1",
        metavar="FILE|RATE",
        show_default=True,
        help="A trace of requests, or how many a second come on average.",
    ),
    click.option("--scale", type=_POSITIVE, default=1.0, help="So many times the requests.  [default: 1]"),
    click.option("--hours", type=_POSITIVE, help="How long it goes on. Default: 24, or all that the spot traces have."),
    click.option("--seed", type=int, default=0, help="What is made up is the same for the same number.  [default: 0]"),
    click.option(
        "--cold-start",
        type=_NOT_NEGATIVE,
        default=120.0,
        show_default=True,
        help="Seconds from a launch to a ready replica, half of them until the machine is up.",
    ),
    click.option(
        "--notice",
        type=_NOT_NEGATIVE,
        default=120.0,
        show_default=True,
        help="Seconds of notice before a spot machine is taken.",
    ),
    click.option(
        "--places",
        type=click.IntRange(min=1),
        default=8,
        show_default=True,
        help="Requests that a replica answers at a time; others wait.",
    ),
    click.option(
        "--service-seconds", type=_POSITIVE, help="What a request takes on average, alone. Default: by its tokens."
    ),
    click.option(
        "--on-demand-usd",
        default="3",
        metavar="USD",
        callback=_prices,
        show_default=True,
        help="Price of a machine by the hour. By accelerator: 3,A100=4.1,L4:2=1.6.",
    ),
    click.option(
        "--spot-usd",
        default="1",
        metavar="USD",
        callback=_prices,
        show_default=True,
        help="Price of a spot machine, likewise.",
    ),
)


def world_options(command: F) -> F:
    """Give a command all options of the world. It passes what it gets of them to `read_world`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_world(
    *,
    spot_traces: Path | None,
    requests: str,
    scale: float,
    hours: float | None,
    seed: int,
    cold_start: float,
    places: int,
    service_seconds: float | None,
    notice: float,
    on_demand_usd: dict[str, float],
    spot_usd: dict[str, float],
) -> "World":
    """The world of these options. Raises ServeError."""
    from skyserve.sim.planned.world import World
    from skyserve.sim.requests.engine import Engine
    from skyserve.sim.requests.shaping import lasting, scaled

    zones, hours = _zones(spot_traces, hours, seed)
    trace = lasting(scaled(_requests(requests, hours, scale, seed), scale, seed), hours * 3600)
    engine = Engine(places=places)
    if service_seconds is not None and trace.at:
        engine = engine.taking(service_seconds, trace)
    return World(
        zones=zones,
        requests=trace,
        hours=hours,
        engine=engine,
        provision_seconds=cold_start / 2,
        setup_seconds=cold_start / 2,
        notice_seconds=notice,
        on_demand_usd=on_demand_usd,
        spot_usd=spot_usd,
    )


def _zones(folder: Path | None, hours: float | None, seed: int) -> "tuple[Trace, float]":
    from skyserve.model.error import ErrorKind, ServeError
    from skyserve.sim.spot.generated import generate
    from skyserve.sim.spot.trace import read

    if folder is None:
        hours = hours or HOURS
        return generate(seed, days=hours / 24, regions=3, zones=3), hours
    try:
        zones = read(folder)
    except (ValueError, KeyError, TypeError, OSError) as error:
        remedy = 'Each file: {"metadata": {"gap_seconds": 300}, "data": [4, 4, 3, ...]}, named after its zone.'
        raise ServeError(ErrorKind.INVALID_REQUEST, f"{folder}: no spot traces: {error}", remedy) from None
    if hours is not None and hours > zones.hours:
        message = f"{folder}: lasts {zones.hours:.1f} hours, --hours asks for {hours:g}."
        raise ServeError(ErrorKind.INVALID_REQUEST, message, f"Write --hours {zones.hours:.1f} or less.")
    return zones, hours or min(HOURS, zones.hours)


def _requests(given: str, hours: float, scale: float, seed: int) -> "RequestTrace":
    from skyserve.model.error import ErrorKind, ServeError
    from skyserve.sim.requests.generated import generate
    from skyserve.sim.requests.trace import read

    try:
        rate = float(given)
    except ValueError:
        return read(Path(given))
    if not 0 <= rate * scale * hours * 3600 <= MOST_REQUESTS:
        message = f"--requests {given} for {hours:g} hours is not a number of requests that can be simulated."
        raise ServeError(ErrorKind.INVALID_REQUEST, message, f"At most {MOST_REQUESTS:,} in all.")
    return generate(seed, rate=rate, hours=hours)
