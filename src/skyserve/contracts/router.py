"""The endpoint: carries requests to replicas as the route tables say."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from skyserve.model.key import KeyCount
from skyserve.model.load import Load
from skyserve.model.route import BackendStatus, RouteTable
from skyserve.model.traffic import ServiceTraffic


class Router(Protocol):
    """Steers the data plane. The data plane goes on with its last tables whatever becomes of us."""

    async def start(self, tables: Sequence[RouteTable]) -> None:
        """Take over a data plane that runs, or start one, with these tables. Traffic of services named here is not
        disturbed; listeners of services not named here are closed."""
        ...

    async def apply(self, table: RouteTable) -> None:
        """Make one service be served so. Equal to the last: nothing is sent. Returns before it is accepted."""
        ...

    async def remove(self, service_id: int) -> None:
        """Close the service's listener."""
        ...

    def status(self, service_id: int) -> Mapping[int, BackendStatus]:
        """By replica id: accepted or not, requests in flight. What was last learned; no I/O."""
        ...

    def load(self, service_id: int) -> Load | None:
        """How busy the service is; None if that is not known now. What was last learned; nobody is waited for."""
        ...

    def key_counts(self, service_id: int) -> Mapping[int, KeyCount] | None:
        """By id of the service's API keys that were used, what was counted of each; None if that is not known now.
        What was last learned; nobody is waited for."""
        ...

    async def traffic(self) -> Mapping[int, ServiceTraffic]:
        """What was counted of each service's requests, by service id, asked now; empty where that cannot be told."""
        ...

    def on_held(self, tell: Callable[[int], None]) -> None:
        """Call it with a service's id when a request of it begins to wait for a replica, and none did."""
        ...

    def access_log(self, service_id: int) -> Path:
        """The file that tells of the service's requests, one line each. It may be replaced by a new one as it grows."""
        ...

    async def free_port(self, taken: frozenset[int]) -> int:
        """The first, from where the installation's ports begin, that no service has and no stranger has bound."""
        ...

    async def close(self) -> None:
        """Stop steering; the data plane goes on."""
        ...

    async def shut_down(self) -> None:
        """End the data plane too."""
        ...
