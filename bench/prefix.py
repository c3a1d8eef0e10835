"""What prefix_affinity gives and costs: `python -m bench.prefix [--trace FILE] [--seconds S]`.

Gives: the share of prompts that replicas have in their caches, on the public trace mooncake-conversation.jsonl, whose
requests name the blocks of 512 tokens that their prompts are made of (about 2 KB of text each). Each replica keeps
the blocks it saw last. `least_load` looks at the requests in flight alone; `affinity` sends what begins with the same
blocks to one replica, as the endpoint does, within 125 % of the average of requests in flight; `ideal` asks each
replica's cache first, within the same bound. Prompts are read in, and answers made, at the speeds below. Left out
without the trace.

Costs: Envoy's CPU a request with prefix_affinity beside least_load, in one run, for bodies of two sizes.
"""

import argparse
import hashlib
import heapq
import json
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.endpoint.field import ground, proxies, replicas
from bench.endpoint.load import Flood
from bench.endpoint.proxies.ours import Ours, OursByPrefix
from bench.endpoint.sample import median

REPLICAS = 8
BLOCK_TOKENS = 512
READ_TOKENS_PER_SECOND = 8000.0
MADE_TOKENS_PER_SECOND = 33.0
BOUND = 1.25
CACHES = (2000, 8000, 40_000)
"""Blocks that a replica keeps: of one GPU, with memory for more, and with memory of the machine besides."""
PREFIXES = (1, 2, 4, 8)
"""Blocks that the choice looks at: 2, 4, 8 and 16 KB."""
BODIES = {"1 KB": 1000, "200 KB": 200_000}
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request of the trace."""

    at: float
    blocks: tuple[int, ...]
    answer_tokens: int


@dataclass(slots=True)
class Server:
    """A replica, as far as it matters here."""

    room: int
    in_flight: int = 0
    cache: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def known(self, blocks: Sequence[int]) -> int:
        """How many of the first blocks it has."""
        return next((n for n, block in enumerate(blocks) if block not in self.cache), len(blocks))

    def take(self, blocks: Sequence[int]) -> None:
        """Keep them, and forget what was not needed for longest."""
        for block in blocks:
            self.cache[block] = None
            self.cache.move_to_end(block)
        while len(self.cache) > self.room:
            self.cache.popitem(last=False)


Choose = Callable[[Sequence[Server], Prompt], Server]


def least_load(servers: Sequence[Server], prompt: Prompt) -> Server:
    """Any of those with the fewest requests in flight."""
    least = min(server.in_flight for server in servers)
    seeded = random.Random(repr(prompt))
    return seeded.choice([server for server in servers if server.in_flight == least])


def within_bound(servers: Sequence[Server]) -> list[Server]:
    """Those that may take one more."""
    bound = max(1.0, BOUND * (sum(server.in_flight for server in servers) + 1) / len(servers))
    return [server for server in servers if server.in_flight < bound]


def affinity(blocks: int) -> Choose:
    """By so many blocks: the replica of the lowest hash that may take one more. A consistent hash as Envoy's is."""

    def choose(servers: Sequence[Server], prompt: Prompt) -> Server:
        allowed = {id(server) for server in within_bound(servers)}
        key = repr(prompt.blocks[:blocks])
        ordered = sorted(range(len(servers)), key=lambda n: hashlib.sha256(f"{n} {key}".encode()).digest())
        return next(servers[n] for n in ordered if id(servers[n]) in allowed)

    return choose


def ideal(servers: Sequence[Server], prompt: Prompt) -> Server:
    """Who has most of it."""
    return max(within_bound(servers), key=lambda server: (server.known(prompt.blocks), -server.in_flight))


def hit_share(prompts: Sequence[Prompt], choose: Choose, room: int) -> float:
    """Of all blocks, how many were in the cache of the replica that was chosen."""
    servers = [Server(room) for _ in range(REPLICAS)]
    ends: list[tuple[float, int]] = []
    hits = total = 0
    for prompt in prompts:
        while ends and ends[0][0] <= prompt.at:
            servers[heapq.heappop(ends)[1]].in_flight -= 1
        server = choose(servers, prompt)
        known = server.known(prompt.blocks)
        server.take(prompt.blocks)
        server.in_flight += 1
        reading = (len(prompt.blocks) - known) * BLOCK_TOKENS / READ_TOKENS_PER_SECOND
        ends_at = prompt.at + reading + prompt.answer_tokens / MADE_TOKENS_PER_SECOND
        heapq.heappush(ends, (ends_at, servers.index(server)))
        hits, total = hits + known, total + len(prompt.blocks)
    return hits / total


def read(file: Path) -> list[Prompt]:
    """The trace; its times are in milliseconds."""
    rows = map(json.loads, file.read_text().splitlines())
    return [Prompt(row["timestamp"] / 1000, tuple(row["hash_ids"]), row["output_length"]) for row in rows]


def show_gain(prompts: Sequence[Prompt]) -> None:
    """A table."""
    policies = {"least_load": least_load, **{f"affinity, {2 * n} KB": affinity(n) for n in PREFIXES}, "ideal": ideal}
    print(f"Prompts found in the cache, {REPLICAS} replicas, {len(prompts):,} requests:\n")
    print("| blocks kept | " + " | ".join(policies) + " |\n|" + "---|" * (len(policies) + 1))
    for room in CACHES:
        shares = (f"{100 * hit_share(prompts, choose, room):.1f} %" for choose in policies.values())
        print(f"| {room:,} | " + " | ".join(shares) + " |", flush=True)


def show_cost(seconds: int) -> None:
    """Another."""
    print("\n| body | least_load, us | prefix_affinity, us | ratio |\n|---|---|---|---|")
    with (
        ground() as (folder, cores),
        replicas(2, folder, cores) as ports,
        proxies([Ours, OursByPrefix], ports, folder, cores) as both,
    ):
        for title, size in BODIES.items():
            load = Flood(8, size)
            rounds = [[load.run(proxy, seconds) for proxy in both] for _ in range(ROUNDS)]
            plain, prefixed = (median(column).cpu_us for column in zip(*rounds, strict=True))
            print(f"| {title} | {plain:.0f} | {prefixed:.0f} | {prefixed / plain:.2f} |", flush=True)


def main() -> None:
    """Gain, then cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trace", type=Path, help="mooncake-conversation.jsonl")
    parser.add_argument("--seconds", type=int, default=2, help="of each round")
    arguments = parser.parse_args()
    if arguments.trace is not None:
        show_gain(read(arguments.trace))
    show_cost(arguments.seconds)


if __name__ == "__main__":
    main()
