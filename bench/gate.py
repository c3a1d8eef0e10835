"""What a limit of requests at each replica, and what an order of regions costs.

    python -m bench.gate [--rounds 3] [--seconds 3]

The same endpoint with and without `max_concurrency_per_replica`, in turns, in front of the same two replicas. The limit
is one that is never reached, or one that makes most requests wait. With regions in order one of the two is preferred.
CPU is Envoy's and, but for the plain endpoint, the controller's too. Needs wrk: `python -m bench.endpoint.peers`.
Prints Markdown.
"""

import argparse

from bench.endpoint import table
from bench.endpoint.comparisons import Comparison
from bench.endpoint.field import ground, proxies, replicas
from bench.endpoint.load import Flood, Paced
from bench.endpoint.program import cpu_seconds
from bench.endpoint.proxies.ours import Ours
from bench.endpoint.rounds import machine, take_turns

REPLICAS = 2
COMPARISONS = (
    Comparison("c1", "Small POST, 1 connection", Flood(1)),
    Comparison("c32", "Small POST, 32 connections", Flood(32)),
    Comparison("rate100", "Small POST, 100 a second", Paced(100)),
)


class Roomy(Ours):
    """Nobody waits."""

    name = "with a limit of 1000"
    limit = 1000

    def cpu_seconds(self) -> float:
        """Envoy's and the gate's."""
        return super().cpu_seconds() + cpu_seconds(self.program.pid)


class Narrow(Roomy):
    """Of 32 requests 28 wait."""

    name = "with a limit of 2"
    limit = 2


class Led(Roomy):
    """One replica is preferred; it is never full."""

    name = "with regions in order"
    limit = None
    ranked = True


def main() -> None:
    """Announce, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"On {machine()}.\n")
    with (
        ground() as (folder, cores),
        replicas(REPLICAS, folder, cores) as ports,
        proxies([Ours, Roomy, Narrow, Led], ports, folder, cores) as field,
    ):
        for comparison in COMPARISONS:
            medians = take_turns(field, comparison, arguments.rounds, arguments.seconds)
            print(table.of(comparison, medians), flush=True)


if __name__ == "__main__":
    main()
