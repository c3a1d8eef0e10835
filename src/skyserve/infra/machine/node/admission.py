"""What is still free on this machine, counted from the records of all who use it: no two controllers can promise
the same cpu, memory or GPU."""

from __future__ import annotations

import math
from typing import Any, Iterable

from . import facts
from .records import Record
from .refusal import Refusal


def admit(request: dict[str, Any], taken: Iterable[Record]) -> list[str]:
    """Check that the `cpus`, `memory_gib` and `gpu` of the request are free, and choose the devices.

    Each core is lent `cpu_share` times: cpus are shared by time, memory and devices are not. Returns UUIDs.
    Raises NoCapacity with what was asked, free and there in all. Called with the admission lock held.
    """
    held = list(taken)
    machine = facts.machine()
    cores, share = machine["cpus"], float(request["cpu_share"])
    free_cpus = cores * share - sum(record["cpus"] for record in held)
    free_memory = machine["memory_gib"] - sum(record["memory_gib"] for record in held)
    short = []
    if request["cpus"] > free_cpus + 1e-9:
        lent = f" ({cores:g} cores, each lent {share:g} times)" if share != 1 else ""
        short.append("asked for {:g} cpus, {:g} of {:g} free{}".format(request["cpus"], free_cpus, cores * share, lent))
    if request["memory_gib"] > free_memory + 1e-9:
        short.append(
            "asked for {:g} GiB of memory, {:g} of {:g} free".format(
                request["memory_gib"], free_memory, machine["memory_gib"]
            )
        )
    devices: list[str] = []
    if request.get("gpu"):
        name, count = request["gpu"]["name"], math.ceil(request["gpu"]["count"])
        busy = {uuid for record in held for uuid in record["gpus"]}
        kind = [gpu["uuid"] for gpu in machine["gpus"] if facts.matches(name, gpu["name"])]
        devices = [uuid for uuid in kind if uuid not in busy]
        if len(devices) < count:
            short.append(f"asked for {count} {name}, {len(devices)} of {len(kind)} free")
        devices = devices[:count]
    if short:
        raise Refusal("NoCapacity", "; ".join(short))
    return devices
