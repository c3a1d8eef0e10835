"""Finds the processes of one installation, by what /proc says of them. Needs root or the same user."""

import os
from pathlib import Path

from skyserve.model.home import Home


def _about(pid: int) -> tuple[bytes, bytes]:
    """(command line, environment) of a process; empty if it is gone or not ours to read."""
    try:
        folder = Path(f"/proc/{pid}")
        return (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
    except OSError:
        return b"", b""


def all_in(home: Home) -> list[int]:
    """Every process that was started for this installation, but not this one."""
    mark = os.fsencode(home.root)
    pids = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and int(p.name) != os.getpid()]
    return [pid for pid in pids if any(mark in text for text in _about(pid))]


def replica_pids(home: Home, replica_id: int) -> list[int]:
    """What `run` of a replica started."""
    wanted = b"SKYPILOT_SERVE_REPLICA_ID=%d" % replica_id
    return [pid for pid in all_in(home) if wanted in _about(pid)[1].split(b"\0")]


def controller_pid(home: Home) -> int:
    """The controller, by its lock."""
    return int(home.controller_lock.read_text())


def envoy_pid(home: Home) -> int:
    """The data plane."""
    (pid,) = [p for p in all_in(home) if Path(os.fsdecode(_about(p)[0].split(b"\0")[0])).name == "envoy"]
    return pid


def resident_mib(pid: int) -> float:
    """Memory of a process that is its own: resident pages, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
