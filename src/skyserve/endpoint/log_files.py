"""Keeps Envoy's logs within bounds: Envoy itself only appends."""

import asyncio
import logging
from typing import NoReturn

from skyserve.endpoint.admin import Admin, AdminError
from skyserve.endpoint.layout import Layout

log = logging.getLogger(__name__)

MAX_BYTES = 64 * 2**20
"""Of one file; as much again is kept of what came before."""
INTERVAL_SECONDS = 30.0


class LogFiles:
    """The access logs, and Envoy's own."""

    def __init__(self, layout: Layout, admin: Admin, max_bytes: int = MAX_BYTES) -> None:
        self._layout = layout
        self._admin = admin
        self._max_bytes = max_bytes

    async def run(self) -> NoReturn:
        """Look from time to time."""
        while True:
            try:
                await self.rotate()
            except AdminError as error:
                log.debug("%s", error)
            except OSError as error:  # such as a full disk, which may have room again
                log.warning("logs could not be rotated: %s", error)
            await asyncio.sleep(INTERVAL_SECONDS)

    async def rotate(self) -> None:
        """Move what is too long to NAME.1, and have Envoy begin anew. Raises AdminError and OSError."""
        full = [
            file
            for file in (self._layout.log, *self._layout.access_logs.glob("*.jsonl"))
            if file.exists() and file.stat().st_size > self._max_bytes
        ]
        for file in full:
            file.replace(f"{file}.1")
        if full:
            await self._admin.reopen_logs()

    def keep(self, service_ids: frozenset[int]) -> None:
        """Delete the access logs of all other services, and what was counted of them."""
        kept = {self._layout.access_log(service_id).name for service_id in service_ids}
        for file in self._layout.access_logs.iterdir():
            if file.name.removesuffix(".1") not in kept:
                file.unlink(missing_ok=True)
        counted = {self._layout.tally(service_id).name for service_id in service_ids}
        for file in self._layout.tallies.iterdir():
            if file.name not in counted:
                file.unlink(missing_ok=True)
