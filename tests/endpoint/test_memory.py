"""How much memory there is, as the kernel tells it."""

import os
from pathlib import Path

import pytest

from skyserve.endpoint.memory import memory_bytes

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/a/b", {"a/memory.max": "1000", "a/b/memory.max": "max", "memory.max": "2000"}, 1000),
        ("0::/", {"memory.max": "3000"}, 3000),
        ("4:memory:/a\n0::/b", {"memory/a/memory.limit_in_bytes": "500", "b/memory.max": "max"}, 500),
        ("4:cpu,memory:/gone", {"memory/memory.limit_in_bytes": "700"}, 700),
        ("4:cpuset:/a", {"memory/a/memory.limit_in_bytes": "500"}, MACHINE),
        ("4:memory:/a", {"memory/a/memory.limit_in_bytes": "9223372036854771712"}, MACHINE),
        ("0::/", {"memory.max": "max"}, MACHINE),
    ],
)
def test_smallest_limit_counts(tmp_path: Path, groups: str, limits: dict[str, str], expected: int) -> None:
    """Of both versions of cgroups, the group's own limit and those around it; without any, what the machine has."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups + "\n")
    for name, text in limits.items():
        file = tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    assert memory_bytes(tmp_path) == expected


def test_without_cgroups(tmp_path: Path) -> None:
    """A kernel that tells nothing of cgroups leaves what the machine has."""
    assert memory_bytes(tmp_path) == MACHINE
