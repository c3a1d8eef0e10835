"""What Envoy tells of replicas and requests, asked again and again: at leisure, often while an answer is awaited."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import NoReturn

from skyserve.endpoint.admin import Admin, AdminError, Counted, Host, Hosts
from skyserve.model.load import Load
from skyserve.model.place import Address

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
EAGER_SECONDS = 0.05
PATIENCE_SECONDS = 10.0
"""How long after a change it is asked often: a replica that Envoy finds unhealthy may stay so."""

ORPHAN_SAMPLES = 3


class Traffic:
    """The latest sample."""

    def __init__(self, admin: Admin, awaited: Callable[[], bool], sampled: Callable[[], bool]) -> None:
        """`awaited` tells whether some replica should be routable by now and is not. `sampled` is called when Envoy has
        told of its replicas, and tells whether it must be asked again soon, however long that goes on."""
        self._admin = admin
        self._awaited = awaited
        self._sampled = sampled
        self._pressing = False
        self._hosts: Hosts = {}
        self._requests: Mapping[str, Counted] = {}
        self._busy: dict[str, float] = {}
        """By service: requests in flight, summed over time."""
        self._orphaned: dict[str, tuple[int, ...]] = {}
        """By service: as of the last samples."""
        self._counted_at = 0.0
        self._stirred = asyncio.Event()
        self._eager_until = 0.0
        self.wanted = False
        """There are services to ask about."""

    def host(self, cluster: str, address: Address) -> Host | None:
        """None: Envoy does not know it."""
        return self._hosts.get((cluster, address))

    def load(self, service: str) -> Load | None:
        """By resource name. None: Envoy does not know it, or does not answer."""
        counted = self._requests.get(service)
        if counted is None:
            return None
        busy = self._busy.get(service, 0.0)
        return Load(counted.arrived, counted.refused, busy, counted.in_flight)

    def orphaned(self, service: str) -> int:
        """Requests in flight, it is not known at which replica, since the cluster was changed. The most of a few
        samples: one alone may miss some."""
        return max(self._orphaned.get(service, ()), default=0)

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
            hosts, requests = await self._admin.hosts(), await self._admin.requests()
            # Together: a replica whose requests are told by the one and not yet by the other would look idle.
            self._hosts = hosts
            self._count(requests)
            self._pressing = self._sampled()
        except AdminError as error:
            log.debug("%s", error)
            self._know_nothing()
        except Exception:  # it is logged whole; without further samples no replica would ever be ready
            log.exception("what Envoy told could not be made use of")
            self._know_nothing()

    def _know_nothing(self) -> None:
        self._hosts, self._requests, self._pressing = {}, {}, False

    def _count(self, requests: Mapping[str, Counted]) -> None:
        """Those in flight at two samples are taken to change evenly between them."""
        now = asyncio.get_running_loop().time()
        passed = now - self._counted_at
        self._counted_at = now
        before = {service: counted.in_flight for service, counted in self._requests.items()}
        self._requests = requests
        self._orphaned = {
            service: (*self._orphaned.get(service, ()), max(counted.orphaned, 0))[-ORPHAN_SAMPLES:]
            for service, counted in requests.items()
        }
        self._busy = {
            service: self._busy.get(service, 0.0) + (before[service] + counted.in_flight) / 2 * passed
            if service in before
            else self._busy.get(service, 0.0)
            for service, counted in requests.items()
        }

    async def _rest(self) -> None:
        fresh = asyncio.get_running_loop().time() < self._eager_until
        if self._pressing or (fresh and self._awaited()):
            await asyncio.sleep(EAGER_SECONDS)
        elif self.wanted:
            try:
                async with asyncio.timeout(INTERVAL_SECONDS):
                    await self._stirred.wait()
            except TimeoutError:
                return
        else:
            await self._stirred.wait()
