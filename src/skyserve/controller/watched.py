"""What files of the user hold: read, read again when they change, kept when they break.

The last good reading is kept in a file of our own, 0600: a controller that finds the user's files gone goes on with it.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pydantic import TypeAdapter

from skyserve.controller.certificate_check import day
from skyserve.model.error import ServeError

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Between looks at the files. A change is taken up once it was the same at two looks: key and certificate are not
replaced at one moment."""
SOON_SECONDS = 14 * 86400.0
"""Before the end of a certificate its user is told so. Automatic renewal is done by then, where there is any."""


class _Ending(Protocol):
    """What holds certificates."""

    @property
    def ends_at(self) -> float:
        """When the first of them expires."""
        ...


T = TypeVar("T", bound=_Ending)


class Watched(Generic[T]):
    """The files of one purpose."""

    def __init__(
        self,
        files: tuple[str, ...],
        read: Callable[[float], T],
        kept: Path,
        kind: type[T],
        ends: Callable[[T], str],
        former: T | None = None,
    ) -> None:
        """`read`, given the time, returns what the files hold or raises ServeError; `kept`: where the last good reading
        is; `kind` is its type; `ends` names the file whose certificate ends first; `former`: what is used until there
        is a reading."""
        self.files = files
        self.held = former
        """What is used; None: nothing is known."""
        self.news: list[str] = []
        """What has happened, in words for people; whoever tells it takes it away."""
        self._read = read
        self.kept = kept
        """Where the last good reading is."""
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)
        self._ends = ends
        self._fault = ""
        self._seen: tuple[object, ...] | None = None
        self._taken: tuple[object, ...] | None = None
        """The files' stamp when they were read last."""
        self._looked_at: float | None = None

    def due(self, now: float) -> bool:
        """Whether it is time for a look."""
        return self._looked_at is None or now - self._looked_at >= LOOK_SECONDS

    def look(self, now: float) -> None:
        """Read the files, if they have changed and rest again. Does I/O."""
        first, self._looked_at = self._looked_at is None, now
        stamp = tuple(map(_stamp, self.files))
        settled = first or stamp == self._seen
        self._seen = stamp
        if settled and stamp != self._taken:
            self._take(now)
        if first and self.held is None:
            self.held = self._restored()

    def trouble(self, now: float) -> str:
        """What its user should do something about; empty when all is well."""
        if self._fault:
            return self._fault if self.held is None else f"{self._fault} The certificate before is still used."
        if self.held and self.held.ends_at - now < SOON_SECONDS:
            return f"The certificate {self._ends(self.held)} ends on {day(self.held.ends_at)}. Renew it."
        return ""

    def _take(self, now: float) -> None:
        self._taken = self._seen
        before = self.held
        try:
            self.held = self._read(now)
        except ServeError as error:
            self._fault = f"{error.message} {error.remedy}"
            self.news.append(self._fault)
            return
        self._fault = ""
        if self.held != before:
            self._keep(self.held)
            self.news.append(f"the certificate {self._ends(self.held)} is used; it ends on {day(self.held.ends_at)}")

    def _keep(self, held: T) -> None:
        """In one move, readable by the user alone from its first moment."""
        self.kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.kept.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(self._adapter.dump_json(held))
        new.replace(self.kept)

    def _restored(self) -> T | None:
        try:
            return self._adapter.validate_json(self.kept.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("what was kept in %s cannot be read: %s", self.kept, type(error).__name__)
            return None


def _stamp(path: str) -> tuple[int, int, int] | None:
    """Changes when the file does; also when a link comes to lead elsewhere."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
