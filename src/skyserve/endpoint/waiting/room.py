"""The waiting room: requests that came while their service had no replica that works, until one does.

Their bodies stay where they are, in Envoy and with the clients. Whoever is released is answered in a way on which Envoy
asks again; if no replica takes it after all it comes back, and has its old place and deadline.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from skyserve.endpoint.translate.waiting import PLACE_HEADER, service_of
from skyserve.endpoint.waiting.answers import error
from skyserve.endpoint.waiting.company import Accompanied
from skyserve.endpoint.waiting.connection import Connection, Stream
from skyserve.endpoint.waiting.hall import UNAVAILABLE, Hall
from skyserve.endpoint.waiting.keepalive import pause_wanted
from skyserve.endpoint.waiting.visitor import Visitor
from skyserve.model.route import RouteTable
from skyserve.model.traffic import Waits

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""How who listens at all addresses is reached from here."""
BACKLOG = 4096
"""Connections that may come at once, as after a restart; as many as the kernel allows by default."""


class WaitingRoom:
    """One hall for each service."""

    def __init__(self, socket: Path, host: str, on_held: Callable[[int], None]) -> None:
        """`host`: the IP address at which services listen. `on_held` is told the service's id when somebody begins to
        wait for it who is the first."""
        self._host = _LOOPBACK.get(host, host)
        self._socket = socket
        self._on_held = on_held
        self._halls: dict[int, Hall] = {}
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._courier = ""

    async def start(self, courier: str) -> None:
        """Listen. A socket that a dead controller left is replaced. `courier`: how Envoy knows requests that are
        brought from here."""
        self._courier = courier
        self._socket.unlink(missing_ok=True)
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: Connection(self._arrived, self._connections), self._socket, backlog=BACKLOG
        )
        self._socket.chmod(0o600)

    async def close(self) -> None:
        """Hang up. Envoy asks again until there is another room."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        self._socket.unlink(missing_ok=True)
        self._server = None

    def serve(self, table: RouteTable) -> None:
        """Let requests wait for this service, by its settings and prospects."""
        hall = self._halls.get(table.service_id)
        if hall is None:
            self._halls[table.service_id] = Hall(table)
        else:
            hall.learn(table)

    def forget(self, service_id: int) -> None:
        """The service is gone."""
        hall = self._halls.pop(service_id, None)
        if hall is not None:
            hall.close()

    def held(self, service_id: int) -> int:
        """How many wait for the service now."""
        hall = self._halls.get(service_id)
        return len(hall) if hall is not None else 0

    def waits(self, service_id: int) -> Waits:
        """What became of those who had to wait for it, since the room was opened."""
        hall = self._halls.get(service_id)
        return hall.waits.told() if hall is not None else Waits()

    def release(self, service_id: int, number: int) -> int:
        """Let so many of those who wait go on to a replica, in their order. Returns how many there were."""
        hall = self._halls.get(service_id)
        return hall.release(number) if hall is not None else 0

    def _arrived(self, stream: Stream) -> None:
        service_id = service_of(stream.headers.get(PLACE_HEADER, ""))
        hall = self._halls.get(service_id) if service_id is not None else None
        if hall is None or service_id is None:
            visitor = Visitor(stream)
            visitor.refuse(error(UNAVAILABLE, "The service is gone.", visitor.request_id, None))
            return
        visitor, pause = Visitor(stream), pause_wanted(stream.headers)
        if pause is not None:
            visitor = Accompanied(stream, pause, partial(self._url, hall), self._courier)
            if hall.gated:
                hall.bring(visitor)
                return
        if hall.enter(visitor) and len(hall) == 1:
            self._on_held(service_id)

    def _url(self, hall: Hall) -> str:
        """Where a service is reached from here, as it is now: what is spoken there may change while somebody waits."""
        scheme, port = hall.port
        return f"{scheme}://{self._host}:{port}"
