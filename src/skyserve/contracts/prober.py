"""Asking a replica whether it is ready."""

from dataclasses import dataclass, field
from typing import Protocol

from skyserve.model.place import Address
from skyserve.model.route import Trust
from skyserve.model.service import ProbeSettings


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe. Ready means status 200 after redirects, within the timeout."""

    ready: bool
    detail: str
    """`200`, or what was wrong, in a few words; never a header's value."""
    trip: float | None = field(default=None, compare=False)
    """Seconds that it took to connect, which a busy server does not prolong; None: it was not measured. No two are the
    same, so that it makes no difference between results."""


class Prober(Protocol):
    """Sends readiness probes."""

    async def probe(self, address: Address, settings: ProbeSettings, trust: Trust | None = None) -> ProbeResult:
        """Never raises but for cancellation: a connection that fails is a result. `trust`: what the files hold that the
        settings name, where they ask for TLS."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
