"""The certificates of endpoints: read from the user's files, read again when these change, kept when they break.

The last good pair of a service is kept beside the database, 0600: a controller that finds the user's files gone serves
on with it.
"""

import asyncio
import json
import logging
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from skyserve.contracts.clock import Clock
from skyserve.controller.certificate_check import day, read_pair, stamp
from skyserve.model.endpoint import TlsFiles
from skyserve.model.error import ServeError
from skyserve.model.route import Certificate, RouteTable

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Between looks at the files. A change is taken up once it was the same at two looks: key and certificate are not
replaced at one moment."""
SOON_SECONDS = 14 * 86400.0
"""Before the end of a certificate its user is told so. Automatic renewal is done by then, where there is any."""


@dataclass(slots=True)
class _Held:
    """What is known of one service's certificate."""

    files: TlsFiles
    certificate: Certificate | None = None
    fault: str = ""
    """What is wrong with the files; empty: they hold the certificate."""
    read: tuple[object, ...] | None = None
    """The files' stamp when they were read last."""
    seen: tuple[object, ...] | None = None
    """The files' stamp at the last look."""
    looked_at: float = 0.0
    news: list[str] = field(default_factory=list)


class Certificates:
    """Of all services."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        """`directory`: where the last good ones are kept."""
        self._directory = directory
        self._clock = clock
        self._held: dict[int, _Held] = {}

    async def check(self, files: TlsFiles | None) -> None:
        """Raise ServeError if an endpoint could not use them."""
        if files is not None:
            await asyncio.to_thread(read_pair, files, self._clock.now())

    async def certified(self, table: RouteTable) -> RouteTable:
        """The table with its service's certificate, if its settings ask for one."""
        files = table.settings.tls
        if files is None:
            return table
        held = self._held.get(table.service_id)
        if held is None or held.files != files:
            former = held.certificate if held else None
            held = self._held[table.service_id] = _Held(files, former)
            await asyncio.to_thread(self._begin, table.service_id, held)
        elif self._clock.now() - held.looked_at >= LOOK_SECONDS:
            await asyncio.to_thread(self._look, table.service_id, held)
        return replace(table, certificate=held.certificate)

    def news(self, service_id: int) -> list[str]:
        """What has happened to the service's certificate since this was last asked, in words for people."""
        held = self._held.get(service_id)
        if held is None:
            return []
        told, held.news = held.news, []
        return told

    def trouble(self, service_id: int) -> str:
        """What the service's user should do something about; empty when all is well."""
        held = self._held.get(service_id)
        if held is None:
            return ""
        if held.fault:
            return held.fault if held.certificate is None else f"{held.fault} The certificate before is still used."
        if held.certificate and held.certificate.ends_at - self._clock.now() < SOON_SECONDS:
            return f"The certificate {held.files.certfile} ends on {day(held.certificate.ends_at)}. Renew it."
        return ""

    def forget(self, service_id: int) -> None:
        """The service is no more."""
        self._held.pop(service_id, None)
        self._kept(service_id).unlink(missing_ok=True)

    def _begin(self, service_id: int, held: _Held) -> None:
        held.looked_at = self._clock.now()
        held.seen = stamp(held.files)
        self._read(service_id, held)
        if held.certificate is None:
            held.certificate = self._restored(service_id)

    def _look(self, service_id: int, held: _Held) -> None:
        held.looked_at = self._clock.now()
        now = stamp(held.files)
        settled = now == held.seen
        held.seen = now
        if settled and now != held.read:
            self._read(service_id, held)

    def _read(self, service_id: int, held: _Held) -> None:
        held.read = held.seen
        before = held.certificate
        try:
            certificate = read_pair(held.files, self._clock.now())
        except ServeError as error:
            held.fault = f"{error.message} {error.remedy}"
            held.news.append(held.fault)
            return
        held.certificate, held.fault = certificate, ""
        if certificate != before:
            self._keep(service_id, certificate)
            held.news.append(f"the certificate {held.files.certfile} is used; it ends on {day(certificate.ends_at)}")

    def _kept(self, service_id: int) -> Path:
        return self._directory / f"{service_id}.json"

    def _keep(self, service_id: int, certificate: Certificate) -> None:
        """In one move, readable by the user alone from its first moment."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._kept(service_id).with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(certificate), file)
        new.replace(self._kept(service_id))

    def _restored(self, service_id: int) -> Certificate | None:
        try:
            return Certificate(**json.loads(self._kept(service_id).read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            log.warning("the certificate kept for service %d cannot be read: %s", service_id, type(error).__name__)
            return None
