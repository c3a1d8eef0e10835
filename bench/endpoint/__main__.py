"""Our endpoint beside other proxies: `python -m bench.endpoint [--full] [--only NAME...] [--against CHECKOUT]`.

Every proxy has one core for itself, load and replicas have the others. Loads take turns among the proxies in short
rounds, and the figures are medians, so that what else the machine does befalls all alike; CPU for each request is what
such a machine tells most reliably. A proxy that is not installed is left out: `python -m bench.endpoint.peers`.
Prints Markdown.
"""

import argparse
import resource
from pathlib import Path

from bench.endpoint import peers, table
from bench.endpoint.comparisons import comparisons
from bench.endpoint.deaths import trials
from bench.endpoint.field import ground, proxies, replicas
from bench.endpoint.proxies.direct import Direct
from bench.endpoint.proxies.furnished import FurnishedEnvoy
from bench.endpoint.proxies.ours import Guarded, Ours, against
from bench.endpoint.proxies.proxy import Proxy
from bench.endpoint.proxies.rust import SglangRouter, VllmRouter
from bench.endpoint.proxies.skypilot import SkyPilot
from bench.endpoint.proxies.static import BareEnvoy, Haproxy, Nginx
from bench.endpoint.rounds import machine, take_turns

PROXIES: tuple[type[Proxy], ...] = (
    Direct,
    Ours,
    Guarded,
    BareEnvoy,
    FurnishedEnvoy,
    Nginx,
    Haproxy,
    VllmRouter,
    SglangRouter,
    SkyPilot,
)

DEATHS = "deaths"
"""The name of the trials in which replicas come and go."""


def measure(kinds: list[type[Proxy]], names: list[str], rounds: int, seconds: int) -> None:
    """All comparisons, by the number of replicas that they need."""
    wanted = [c for c in comparisons() if not names or c.name in names]
    with ground() as (folder, cores):
        for count in sorted({c.replicas for c in wanted}):
            with replicas(count, folder, cores) as ports, proxies(kinds, ports, folder, cores) as field:
                for comparison in (c for c in wanted if c.replicas == count):
                    print(table.of(comparison, take_turns(field, comparison, rounds, seconds)), flush=True)


def bury(kinds: list[type[Proxy]], seconds: int) -> None:
    """One proxy at a time, since each has replicas of its own to lose."""
    with ground() as (folder, cores):
        felt = {kind.name: trials(kind, folder, cores, seconds) for kind in kinds}
    print(table.of_deaths(felt), flush=True)


def main() -> None:
    """Announce, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="more and longer rounds")
    parser.add_argument("--proxies", nargs="+", default=[p.name for p in PROXIES], help="only these")
    parser.add_argument(
        "--only", nargs="+", default=[], choices=[DEATHS, *(c.name for c in comparisons())], help="comparisons"
    )
    parser.add_argument(
        "--against", type=Path, nargs="+", default=[], help="other checkouts, whose endpoint is run too"
    )
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    arguments = parser.parse_args()
    if peers.command("wrk") is None:
        parser.error("wrk, which makes the load, is not installed: python -m bench.endpoint.peers")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(f"On {machine()}.\n")
    wanted = [proxy for proxy in PROXIES if proxy.name in arguments.proxies]
    for proxy in wanted:
        if missing := proxy.missing():
            print(f"Left out: {proxy.name}, since {missing} is not installed.\n")
    kinds = [proxy for proxy in wanted if not proxy.missing()] + [against(path) for path in arguments.against]
    rounds, seconds = (5, 4) if arguments.full else (2, 2)
    if not arguments.only or DEATHS in arguments.only:
        bury([kind for kind in kinds if kind is not Direct], 10 if arguments.full else 6)
    measure(kinds, arguments.only, arguments.rounds or rounds, arguments.seconds or seconds)


if __name__ == "__main__":
    main()
