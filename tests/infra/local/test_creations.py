"""Many replicas that are to be created on this machine at once."""

import asyncio
import os
import sys
from pathlib import Path

from skyserve.infra.local.transport import LocalTransport

CORES = len(os.sched_getaffinity(0))
TOOL = """\
import json, os, sys, time
folder, most = sys.argv[1], int(sys.argv[2])
own = os.path.join(folder, str(os.getpid()))
open(own, "w").close()
give_up_at = time.monotonic() + 0.2
while (seen := len(os.listdir(folder))) <= most and time.monotonic() < give_up_at:
    time.sleep(0.01)
print(json.dumps({"ok": {"side_by_side": seen}}), flush=True)
os.unlink(own)
"""
"""In place of the machine-side tool: waits a while for too many of its kind, and tells how many there are."""


async def test_as_many_at_once_as_there_are_cores(tmp_path: Path) -> None:
    """The others wait, so that the first is there soon."""
    folder, python = tmp_path / "running", tmp_path / "python"
    folder.mkdir()
    (tmp_path / "tool.py").write_text(TOOL)
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -S {tmp_path / 'tool.py'} {folder} {CORES}\n")
    python.chmod(0o700)
    transport = LocalTransport(tmp_path / "root", python=str(python))

    told = await asyncio.gather(*(transport.call("create", {}) for _ in range(3 * CORES)))

    assert {reply["side_by_side"] for reply in told} <= set(range(1, CORES + 1))
    await transport.close()
