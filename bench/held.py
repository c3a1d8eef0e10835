"""Many requests that wait through a cold start: how many are lost, how long it takes, what it costs in memory."""

import argparse
import asyncio
import os
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event, ResponseReceived, StreamEnded, StreamReset

from skyserve.endpoint.layout import Layout
from skyserve.endpoint.router import EnvoyRouter
from skyserve.endpoint.running import Running
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.place import Address
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy

BASE_PORT = 24901
STREAMS = 500
"""Requests on one connection."""
BODY = b'{"prompt": "' + b"x" * 2000 + b'"}'


class Client(asyncio.Protocol):
    """Asks many times at once over one connection, in HTTP/2, so that ten thousand clients need few files."""

    def __init__(self, number: int, statuses: "Counter[str]", done: asyncio.Semaphore) -> None:
        """`statuses` is told of each answer; `done` is released for each."""
        self._number = number
        self._statuses = statuses
        self._done = done
        self._http = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send all requests."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._http.initiate_connection()
        for stream in range(1, 2 * self._number, 2):
            head = [(":method", "POST"), (":path", f"/{stream}"), (":scheme", "http"), (":authority", "held")]
            self._http.send_headers(stream, [*head, ("content-length", str(len(BODY)))])
        self._unsent = list(range(2 * self._number - 1, 0, -2))
        self._send()

    def data_received(self, data: bytes) -> None:
        """Answers."""
        for event in self._http.receive_data(data):
            self._heed(event)
        self._send()

    def _heed(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self._statuses[str(dict(event.headers)[":status"])] += 1
        elif isinstance(event, StreamReset):
            self._statuses["reset"] += 1
        if isinstance(event, StreamEnded | StreamReset):
            self._done.release()

    def _send(self) -> None:
        while self._unsent and self._http.local_flow_control_window(self._unsent[-1]) >= len(BODY):
            self._http.send_data(self._unsent.pop(), BODY, end_stream=True)
        self._transport.write(self._http.data_to_send())


async def serve() -> tuple[asyncio.Server, Address, "Counter[str]"]:
    """A replica that answers at once and counts, by path, what it is asked."""
    seen: Counter[str] = Counter()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                size = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0] or 0)
                await reader.readexactly(size)
                seen[head.split(" ", 2)[0]] += 1
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    return server, Address("127.0.0.1", server.sockets[0].getsockname()[1]), seen


def memory(pid: int) -> float:
    """Resident, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def held(router: EnvoyRouter, number: int) -> int:
    """Wait until at least so many wait, and Envoy tells of the service."""
    while not (load := router.load(1)) or load.held < number:  # noqa: ASYNC110 - what is awaited is another process
        await asyncio.sleep(0.05)
    return load.held


async def listening() -> None:
    """Wait until the service's port takes connections."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", BASE_PORT)
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def run(directory: Path, number: int, restart: bool) -> None:
    """Let so many wait, then bring a replica."""
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - began:7.2f} s  {what}", flush=True)

    router = EnvoyRouter(directory, base_port=BASE_PORT, host="127.0.0.1")
    table = RouteTable(
        1, "held", BASE_PORT, LoadBalancingPolicy.LEAST_LOAD, settings=EndpointSettings(hold_seconds=600)
    )
    await router.start([table])
    await held(router, 0)
    await listening()
    envoy = Running.recorded(Layout(directory).process)
    assert envoy is not None
    empty = memory(envoy.pid), memory(os.getpid())
    statuses: Counter[str] = Counter()
    done = asyncio.Semaphore(0)
    for _ in range(0, number, STREAMS):
        await asyncio.get_running_loop().create_connection(
            lambda: Client(STREAMS, statuses, done), "127.0.0.1", BASE_PORT
        )
    waiting = await held(router, number)
    now = memory(envoy.pid), memory(os.getpid())
    tell(f"{waiting} requests wait; Envoy {empty[0]:.0f} -> {now[0]:.0f} MiB")
    tell(f"controller, clients and replica, in one process: {empty[1]:.0f} -> {now[1]:.0f} MiB")
    if restart:
        await router.close()
        router = EnvoyRouter(directory, base_port=BASE_PORT, host="127.0.0.1")
        await router.start([table])
        tell(f"the controller was restarted; {await held(router, number)} wait again")
    server, address, seen = await serve()
    released = time.monotonic()
    await router.apply(replace(table, backends=(Backend(1, address),)))
    for _ in range(number):
        await done.acquire()
    tell(f"answered {dict(statuses)}, {time.monotonic() - released:.2f} s after the replica came; it saw {dict(seen)}")
    server.close()
    await router.shut_down()


def main() -> None:
    """Run with an Envoy of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=10_000, help=f"requests, a multiple of {STREAMS}")
    parser.add_argument("--restart", action="store_true", help="restart the controller's part while they wait")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sky-") as folder:
        asyncio.run(run(Path(folder), arguments.number, arguments.restart))


if __name__ == "__main__":
    main()
