"""Proxies under one load in turns, so that what else the machine does befalls all alike; and what machine it is."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.endpoint.comparisons import Comparison
from bench.endpoint.proxies.proxy import Proxy
from bench.endpoint.sample import Sample, median


def take_turns(field: Sequence[Proxy], comparison: Comparison, rounds: int, seconds: int) -> Mapping[str, Sample]:
    """By the proxy's name: the medians of all rounds. `seconds`: of one turn."""
    samples: dict[str, list[Sample]] = {proxy.name: [] for proxy in field}
    for _ in range(rounds):
        for proxy in field:
            samples[proxy.name].append(comparison.load.run(proxy, seconds))
    return {name: median(several) for name, several in samples.items()}


def machine() -> str:
    """What it is, and how busy with other things."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{len(os.sched_getaffinity(0))} cores of {model}, load before this run {os.getloadavg()[0]:.1f}"
