"""Envoy's admin interface, on a Unix socket."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import h11

from skyserve.endpoint.bootstrap import IN_FLIGHT, LOAD_COUNTERS
from skyserve.model.place import Address

TIMEOUT_SECONDS = 5.0
_CHUNK = 2**16
_FIELDS = {"downstream_rq_total": "arrived", "downstream_rq_active": "in_flight", "upstream_cx_none_healthy": "refused"}


@dataclass(frozen=True, slots=True)
class Host:
    """One replica, as Envoy sees it."""

    routable: bool
    """New requests may go to it."""
    in_flight: int
    """Requests being answered by it now."""
    begun: int
    """Requests that were ever sent to it."""
    answered: int
    """Attempts that it answered or failed; one that was given up before an answer is none."""
    errors: int
    """Of those: a status of 500 or above, a connection that failed, or was reset before the answer began."""
    ejected: bool = False
    """It is passed over for a while, since connections to it failed."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The requests of one service, as Envoy counts them since it was started."""

    arrived: int = 0
    refused: int = 0
    in_flight: int = 0
    orphaned: int = 0
    """Of the requests that replicas are answering, those that Envoy counts for the service and for no replica. When a
    cluster is changed Envoy begins its counts by replica anew, and the requests under way are in none of them. Threads
    count while they are read, so that it may be off by a few."""


Hosts = Mapping[tuple[str, Address], Host]
"""By cluster and address."""
HostOf = Callable[[str, Address], Host | None]
"""What Envoy last told of a replica, by cluster and address; None: nothing."""


class AdminError(Exception):
    """Envoy does not answer: it is starting, or gone."""


class Admin:
    """Asks the running Envoy."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def hosts(self) -> Hosts:
        """Every replica of every service. Raises AdminError."""
        document = json.loads(await self._ask("GET", "/clusters?format=json"))
        return {
            (cluster["name"], _address(status)): _host(status)
            for cluster in document.get("cluster_statuses", ())
            for status in cluster.get("host_statuses", ())
            if "socket_address" in status["address"]
        }

    async def requests(self) -> Mapping[str, Counted]:
        """By the resource name of each service that Envoy knows. Raises AdminError."""
        query = {"format": "json", "filter": f"^({LOAD_COUNTERS}|{IN_FLIGHT})$"}
        document = json.loads(await self._ask("GET", "/stats?" + urlencode(query)))
        counted: dict[str, dict[str, Any]] = {}
        for stat in document.get("stats", ()):
            _, service, counter = stat["name"].split(".", 2)
            fields, value = counted.setdefault(service, {}), int(stat["value"])
            if counter in _FIELDS:
                fields[_FIELDS[counter]] = value
            else:
                sign = 1 if counter == "upstream_rq_active" else -1
                fields["orphaned"] = fields.get("orphaned", 0) + sign * value
        return {service: Counted(**fields) for service, fields in counted.items()}

    async def statistics(self, names: str) -> str:
        """Those whose names match the regular expression whole, as Prometheus reads them. Raises AdminError."""
        return (await self._ask("GET", "/stats/prometheus?" + urlencode({"filter": f"^({names})$"}))).decode()

    async def live_epoch(self) -> int | None:
        """How many Envoys came before the one that answers; None: it does not serve yet. Raises AdminError."""
        told = json.loads(await self._ask("GET", "/server_info"))
        return int(told["command_line_options"].get("restart_epoch", 0)) if told["state"] == "LIVE" else None

    async def reopen_logs(self) -> None:
        """Make Envoy close its log files and open them by name again. Raises AdminError."""
        await self._ask("POST", "/reopen_logs")

    async def _ask(self, method: str, path: str) -> bytes:
        """Over a connection of its own: an Envoy that was replaced would go on answering on one that is kept. By h11
        itself, since httpx takes three times as long, and this is asked often."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                try:
                    return await _exchange(reader, writer, method, path)
                finally:
                    writer.close()
        except (OSError, TimeoutError, h11.ProtocolError) as error:
            raise AdminError(
                f"Envoy's admin interface does not answer {path}: {error or type(error).__name__}"
            ) from error


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, path: str) -> bytes:
    """The body of the answer. Raises OSError, and h11.ProtocolError for what is no answer or not a good one."""
    connection, body = h11.Connection(h11.CLIENT), bytearray()
    request = h11.Request(method=method, target=path, headers=[("host", "envoy"), ("connection", "close")])
    writer.write((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Response) and event.status_code != 200:
            raise h11.RemoteProtocolError(f"status {event.status_code}")
        elif isinstance(event, h11.Data):
            body += event.data
    return bytes(body)


def _address(status: Mapping[str, Any]) -> Address:
    socket = status["address"]["socket_address"]
    return Address(socket["address"], socket["port_value"])


def _host(status: Mapping[str, Any]) -> Host:
    health = status.get("health_status", {})
    counted = {stat["name"]: int(stat.get("value", 0)) for stat in status.get("stats", ())}
    errors = counted["rq_error"]
    # Beside eds_health_status, each key (failed_active_health_check, failed_outlier_check, ...) is one objection.
    objections = [key for key, value in health.items() if key != "eds_health_status" and value]
    routable = not objections and health.get("eds_health_status") == "HEALTHY"
    ejected = bool(health.get("failed_outlier_check"))
    return Host(routable, counted["rq_active"], counted["rq_total"], counted["rq_success"] + errors, errors, ejected)
