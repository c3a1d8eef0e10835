"""How much memory there is for what runs here: the machine's, or less where a cgroup bounds it, as in a container."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_V1, _V2 = "sys/fs/cgroup/memory", "sys/fs/cgroup"
_LIMIT_V1, _LIMIT_V2 = "memory.limit_in_bytes", "memory.max"


def memory_bytes(root: Path = Path("/")) -> int:
    """The smallest limit of our cgroup and those around it, and no more than the machine has. `root`: of the files that
    the kernel tells it by (cgroups(7))."""
    return min([os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *_limits(root)])


def _limits(root: Path) -> Iterator[int]:
    for file in _files(root):
        try:
            text = file.read_text().strip()
        except OSError:  # not there: no such controller, or a path outside our own namespace
            continue
        if text.isdigit():  # else `max`: none
            yield int(text)


def _files(root: Path) -> Iterator[Path]:
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base, name = (_V1, _LIMIT_V1) if controllers else (_V2, _LIMIT_V2)
        own = PurePosixPath(path.lstrip("/"))
        yield from (root / base / group / name for group in (own, *own.parents))
