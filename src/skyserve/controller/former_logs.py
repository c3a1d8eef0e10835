"""What a replica printed before it was restarted in place: saved before what ran is stopped, and shown first."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from skyserve.contracts.infra import Infra
from skyserve.controller.archive import ARCHIVE_SECONDS, archive, partial_path, saved_log
from skyserve.model.home import Home
from skyserve.model.instance import Instance
from skyserve.model.replica import Replica

log = logging.getLogger(__name__)

RUNS_KEPT = 3
"""So many runs before the present one are remembered of a replica."""


def former_path(home: Home, replica: Replica, run: int) -> Path:
    """Where the saved log of one of its runs is; they count from 0."""
    return home.service_logs(replica.service_id) / f"replica-{replica.id}.run-{run}.log"


async def save_former(home: Home, replica: Replica, infra: Infra, instance: Instance) -> None:
    """Save what the run before the present one printed, as far as that goes in ARCHIVE_SECONDS. Does nothing if it is
    saved: the machine may show the present run's logs by now. Raises Gone or Transient."""
    if replica.renewals == 0:
        return
    path = former_path(home, replica, replica.renewals - 1)
    if path.exists():
        return
    try:
        async with asyncio.timeout(ARCHIVE_SECONDS):
            await archive(path, infra, instance)
    except TimeoutError:
        partial_path(path).replace(path)
    except OSError as error:
        log.warning("logs of replica %d are not saved before it is restarted: %s", replica.id, error)
    former_path(home, replica, replica.renewals - 1 - RUNS_KEPT).unlink(missing_ok=True)


async def former_logs(home: Home, replica: Replica) -> AsyncIterator[bytes]:
    """What its earlier runs printed, as far as it is remembered, each below a line that says so."""
    for run in range(replica.renewals):
        path = former_path(home, replica, run)
        if path.exists():
            yield f"--- run {run + 1}, before the replica was restarted ---\n".encode()
            last = b"\n"
            async for chunk in saved_log(path, None):
                last = chunk
                yield chunk
            if not last.endswith(b"\n"):
                yield b"\n"
    if replica.renewals:
        yield f"--- run {replica.renewals + 1} ---\n".encode()
