"""What this machine has: cpus, memory, GPUs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TypedDict

_CGROUP_UNLIMITED = 1 << 60
_NVIDIA_SMI = ["nvidia-smi", "--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"]
_NVIDIA_SMI_TIMEOUT = 20
"""Seconds. The first call after boot loads the driver, which takes several."""


class Gpu(TypedDict):
    """One device, as nvidia-smi names it."""

    index: int
    uuid: str
    name: str
    memory_mib: int


class Machine(TypedDict):
    """What can be given to replicas."""

    cpus: float
    memory_gib: float
    gpus: list[Gpu]


def machine() -> Machine:
    """Look at this machine now."""
    return {"cpus": cpus(), "memory_gib": round(memory_bytes() / 2**30, 2), "gpus": gpus()}


def cpus() -> float:
    """Cores that we may use: those of our affinity, or fewer where a cgroup limits us."""
    allowed = float(len(os.sched_getaffinity(0)))
    quota = _first_words("/sys/fs/cgroup/cpu.max")
    if len(quota) == 2 and quota[0] != "max":
        return min(allowed, round(int(quota[0]) / int(quota[1]), 2))
    old_quota = _first_words("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
    old_period = _first_words("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
    if old_quota and old_period and int(old_quota[0]) > 0:
        return min(allowed, round(int(old_quota[0]) / int(old_period[0]), 2))
    return allowed


def memory_bytes() -> int:
    """Memory of the machine, or less where a cgroup limits us."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        limit = _first_words(path)
        if limit and limit[0].isdigit() and int(limit[0]) < _CGROUP_UNLIMITED:
            total = min(total, int(limit[0]))
    return total


def gpus() -> list[Gpu]:
    """NVIDIA devices; none where nvidia-smi is not installed or finds no driver."""
    if shutil.which(_NVIDIA_SMI[0]) is None:
        return []
    try:
        output = subprocess.run(
            _NVIDIA_SMI, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_NVIDIA_SMI_TIMEOUT, check=True
        ).stdout.decode()
    except (OSError, subprocess.SubprocessError):
        return []
    found: list[Gpu] = []
    for line in output.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4 and fields[0].isdigit():
            memory = int(fields[3]) if fields[3].isdigit() else 0
            found.append({"index": int(fields[0]), "uuid": fields[1], "name": fields[2], "memory_mib": memory})
    return found


def _first_words(path: str) -> list[str]:
    try:
        with open(path) as file:
            return file.readline().split()
    except OSError:
        return []


def matches(wanted: str, device: str) -> bool:
    """Whether a device as nvidia-smi names it (`NVIDIA A100-SXM4-80GB`) is of the kind asked for (`A100-80GB`).

    Every word asked for must be a word of the name, or two neighbouring ones (`RTX4090`: `RTX 4090`); parts of
    words do not count, so `L4` is not `L40S`.
    """
    words = re.findall(r"[a-z0-9]+", device.lower())
    known = {*words, *(first + second for first, second in zip(words, words[1:]))}
    return all(word in known for word in re.findall(r"[a-z0-9]+", wanted.lower()))
