"""Whether a process is the one that was written down."""

import os
from pathlib import Path

from skyserve.endpoint.running import Running


def test_reused_pid_is_nobody(tmp_path: Path) -> None:
    """A record whose pid lives with another start time, or that cannot be read, stands for no process."""
    record = tmp_path / "stat"
    line = Path("/proc/self/stat").read_text()
    record.write_text(line)
    assert Running.recorded(record) == Running(os.getpid())

    fields = line.rpartition(") ")[2].split()
    fields[19] = "1"
    record.write_text(f"{os.getpid()} (a (strange) name) {' '.join(fields)}")
    assert Running.recorded(record) is None
    record.write_text("garbage")
    assert Running.recorded(record) is None
    record.unlink()
    assert Running.recorded(record) is None
