"""What API keys cost at the endpoint: `python -m bench.keys [--rounds N] [--seconds S]`.

The same endpoint without keys, with a key to replicas, with a key of a client and with one that has a limit, side by
side as in bench.endpoint; of streams, whose tokens are counted, the CPU of each chunk. Prints Markdown: what matters is
the CPU beside that without keys.
"""

import argparse

from bench.endpoint import table
from bench.endpoint.comparisons import Comparison
from bench.endpoint.field import ground, proxies, replicas
from bench.endpoint.load import Flood, Streams
from bench.endpoint.proxies.guarded import Budgeted, Guarded, Limited, Showing
from bench.endpoint.proxies.ours import Ours
from bench.endpoint.rounds import take_turns

KINDS = (Ours, Showing, Guarded, Limited, Budgeted)
COMPARISONS = (
    Comparison("requests", "Small POST, 32 connections", Flood(32)),
    Comparison("streams", "100 streams of 100 chunks, one each 20 ms", Streams(100), each="chunk"),
)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    arguments = parser.parse_args()
    with (
        ground() as (folder, cores),
        replicas(2, folder, cores) as ports,
        proxies(KINDS, ports, folder, cores) as field,
    ):
        for comparison in COMPARISONS:
            medians = take_turns(field, comparison, arguments.rounds, arguments.seconds)
            print(table.of(comparison, medians), flush=True)


if __name__ == "__main__":
    main()
