"""Connections of the proxy to the waiting room, frame by frame."""

import asyncio
from collections.abc import Callable

from h2.connection import H2Connection
from h2.events import ResponseReceived

from skyserve.endpoint.waiting.connection import Connection, Stream

HEADERS = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "a")]


class Wire(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.cut = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Kept."""
        self.written += data

    def abort(self) -> None:
        """Kept too."""
        self.cut = True


def connected(arrived: Callable[[Stream], None]) -> tuple[H2Connection, Connection, Wire]:
    """A proxy that has just connected, the room's end of it, and what is between."""
    proxy, connection, wire = H2Connection(), Connection(arrived, set()), Wire()
    connection.connection_made(wire)
    proxy.initiate_connection()
    return proxy, connection, wire


async def answered(proxy: H2Connection, wire: Wire) -> list[int]:
    """The requests to which an answer has begun."""
    await asyncio.sleep(0)
    events = proxy.receive_data(bytes(wire.written))
    return [event.stream_id or 0 for event in events if isinstance(event, ResponseReceived)]


async def test_who_asks_and_goes_at_once_disturbs_nobody() -> None:
    """A request that is taken back in the same breath is not let in, and others on the connection are answered."""
    arrived: list[Stream] = []

    def refuse(stream: Stream) -> None:
        arrived.append(stream)
        stream.answer(503, {}, b"no")

    proxy, connection, wire = connected(refuse)
    proxy.send_headers(1, HEADERS)
    proxy.reset_stream(1)
    proxy.send_headers(3, HEADERS, end_stream=True)
    connection.data_received(proxy.data_to_send())

    assert len(arrived) == 1
    assert not wire.cut
    assert await answered(proxy, wire) == [3]


async def test_the_last_of_a_body_and_the_end_of_its_sender_come_together() -> None:
    """Whoever reads the body is told that its sender has gone, once, and nothing is sent."""
    arrived: list[Stream] = []
    told: list[str] = []
    proxy, connection, wire = connected(arrived.append)
    proxy.send_headers(1, HEADERS)
    connection.data_received(proxy.data_to_send())
    (stream,) = arrived
    stream.on_data = lambda _: told.append("data")
    stream.on_gone = lambda: told.append("gone")

    proxy.send_data(1, b"x" * 100)
    proxy.reset_stream(1)
    connection.data_received(proxy.data_to_send())
    stream.answer(503, {}, b"no")

    assert told == ["gone"]
    assert not wire.cut
    assert await answered(proxy, wire) == []


async def test_a_proxy_that_says_good_bye_is_told_nothing_more() -> None:
    """All of its requests are gone at once, those too that came with its last word, and answers come to nothing."""
    arrived: list[Stream] = []
    gone: list[int] = []
    proxy, connection, wire = connected(arrived.append)
    proxy.send_headers(1, HEADERS)
    connection.data_received(proxy.data_to_send())
    (stream,) = arrived
    stream.on_gone = lambda: gone.append(1)

    proxy.send_headers(3, HEADERS)
    proxy.close_connection()
    connection.data_received(proxy.data_to_send())
    stream.answer(503, {}, b"no")
    connection.connection_lost(None)

    assert (gone, len(arrived), wire.cut) == ([1], 1, True)
