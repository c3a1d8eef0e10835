"""What Envoy tells of its replicas, asked again and again: at leisure, and often while an answer is awaited."""

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from skyserve.endpoint.admin import Admin, AdminError, Host, Hosts
from skyserve.model.place import Address

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
EAGER_SECONDS = 0.05
PATIENCE_SECONDS = 10.0
"""How long after a change it is asked often: a replica that Envoy finds unhealthy may stay so."""


class Traffic:
    """The latest sample."""

    def __init__(self, admin: Admin, awaited: Callable[[], bool]) -> None:
        """`awaited` tells whether some replica should be routable by now and is not."""
        self._admin = admin
        self._awaited = awaited
        self._hosts: Hosts = {}
        self._stirred = asyncio.Event()
        self._eager_until = 0.0
        self.wanted = False
        """There are replicas to ask about."""

    def host(self, cluster: str, address: Address) -> Host | None:
        """None: Envoy does not know it."""
        return self._hosts.get((cluster, address))

    def stir(self) -> None:
        """Something has changed: look now, and often for a while."""
        self._eager_until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        self._stirred.set()

    async def run(self) -> NoReturn:
        """Sample for ever."""
        while True:
            self._stirred.clear()
            if self.wanted:
                await self._sample()
            await self._rest()

    async def _sample(self) -> None:
        try:
            self._hosts = await self._admin.hosts()
        except AdminError as error:
            log.debug("%s", error)
            self._hosts = {}

    async def _rest(self) -> None:
        eager = asyncio.get_running_loop().time() < self._eager_until and self._awaited()
        if eager:
            await asyncio.sleep(EAGER_SECONDS)
        elif self.wanted:
            try:
                await asyncio.wait_for(self._stirred.wait(), INTERVAL_SECONDS)
            except TimeoutError:
                return
        else:
            await self._stirred.wait()
