"""One of the proxy's connections to the waiting room: HTTP/2, so that ten thousand requests need ten files and not ten
thousand.

Bodies are not wanted, but for those of which somebody says so: a stream's window stays as it is, which stops the proxy,
and in the end the client, after 64 KiB, and what has come is dropped.
"""

import asyncio
from collections.abc import Callable, Mapping

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from skyserve.endpoint.translate.waiting import STREAMS_A_CONNECTION

CONNECTION_WINDOW_BYTES = 2**30


class Stream:
    """One request, as the waiting room sees it."""

    def __init__(self, connection: "Connection", number: int, headers: Mapping[str, str]) -> None:
        """`headers`: names in lower case; of several with one name the last."""
        self._connection = connection
        self._number = number
        self.headers = headers
        self.on_gone: Callable[[], None] = lambda: None
        """Called once, when whoever asked has gone before the answer was whole."""
        self.on_data: Callable[[bytes], None] | None = None
        """Called with each piece of the body; with an empty one at its end. None: the body is not wanted."""
        self.whole = False
        """All of the request has come."""
        self._window = asyncio.Event()

    def answer(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """The whole of a short answer. Nothing comes of it if whoever asked has gone."""
        whole = body if self.headers[":method"] != "HEAD" else b""
        fields = {**headers, "content-length": str(len(body))}
        self._connection.begin(self._number, status, fields, end=not whole)
        if whole:
            self._connection.send(self._number, whole, end=True)

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of an answer whose body follows in pieces."""
        self._connection.begin(self._number, status, headers, end=False)

    async def write(self, data: bytes) -> None:
        """A piece of the body, as soon as the proxy has room for it."""
        while data and (room := self._connection.room(self._number)) is not None:
            if room == 0:
                self._window.clear()
                await self._window.wait()
                continue
            self._connection.send(self._number, data[:room], end=False)
            data = data[room:]

    def end(self) -> None:
        """The body is whole."""
        self._connection.send(self._number, b"", end=True)

    def cut(self) -> None:
        """Break the answer off, so that whoever asked notices."""
        self._connection.reset(self._number)

    def received(self, data: bytes) -> None:
        """A piece of the body has come; an empty one: that was all."""
        self.whole = not data
        if self.on_data is not None:
            self._connection.widen(self._number, len(data))
            self.on_data(data)

    def widened(self) -> None:
        """There is more room for the answer."""
        self._window.set()

    def gone(self) -> None:
        """Nobody wants the answer any more."""
        self._window.set()
        self.on_gone()


class Connection(asyncio.Protocol):
    """Tells streams from each other."""

    def __init__(self, arrived: Callable[[Stream], None], open_connections: "set[Connection]") -> None:
        """`arrived` is called with each new request."""
        self._arrived = arrived
        self._open = open_connections
        self._streams: dict[int, Stream] = {}
        self._transport: asyncio.Transport | None = None
        self._flush_due = False
        # What Envoy has parsed and written anew needs no second opinion.
        self._http = H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding="latin-1",
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._http.local_settings = Settings(
            client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS_A_CONNECTION}
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The proxy is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)
        self._http.initiate_connection()
        # Each stream has its limit; the connection as a whole is to have none.
        self._http.increment_flow_control_window(CONNECTION_WINDOW_BYTES)
        self._flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """The proxy is gone, and with it all who asked."""
        self._transport = None
        self._open.discard(self)
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.gone()

    def data_received(self, data: bytes) -> None:
        """Frames."""
        try:
            events = self._http.receive_data(data)
        except ProtocolError:
            self.abort()
            return
        if any(isinstance(event, ConnectionTerminated) for event in events):
            self.abort()
            return
        # All frames are parsed by now: who goes with the last of them can be told nothing, whatever came before it.
        gone = {event.stream_id for event in events if isinstance(event, StreamReset)}
        for number in gone & self._streams.keys():
            self._streams.pop(number).gone()
        for event in events:
            if not (isinstance(event, RequestReceived) and event.stream_id in gone):
                self._heed(event)
        self._flush_soon()

    def abort(self) -> None:
        """Hang up: the proxy asks again elsewhere. Whoever asked is gone: nothing can be told any more."""
        if self._transport is not None:
            self._transport.abort()
            self.connection_lost(None)

    def begin(self, number: int, status: int, headers: Mapping[str, str], *, end: bool) -> None:
        """The head of an answer; `end`: and all of it."""
        if number in self._streams:
            self._http.send_headers(number, [(":status", str(status)), *headers.items()], end_stream=end)
            self._sent(number, end)

    def send(self, number: int, data: bytes, *, end: bool) -> None:
        """A piece of an answer's body, no longer than there is room for."""
        if number in self._streams:
            self._http.send_data(number, data, end_stream=end)
            self._sent(number, end)

    def reset(self, number: int) -> None:
        """Break a stream off."""
        if self._streams.pop(number, None) is not None:
            self._http.reset_stream(number, ErrorCodes.INTERNAL_ERROR)
            self._flush_soon()

    def room(self, number: int) -> int | None:
        """Bytes of an answer that the proxy would take now; None: nobody wants them."""
        if number not in self._streams:
            return None
        return min(self._http.local_flow_control_window(number), self._http.max_outbound_frame_size)

    def widen(self, number: int, size: int) -> None:
        """So much of the body is read; as much again may come."""
        if size and number in self._streams:
            self._http.increment_flow_control_window(size, number)

    def _sent(self, number: int, end: bool) -> None:
        if end:
            del self._streams[number]
        self._flush_soon()

    def _heed(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int(number)):
                stream = Stream(self, number, dict(event.headers))  # type: ignore[arg-type]
                stream.whole = event.stream_ended is not None
                self._streams[number] = stream
                self._arrived(stream)
            case DataReceived() if event.flow_controlled_length:  # an empty one only says that it is the last
                self._http.increment_flow_control_window(event.flow_controlled_length)
                if event.data:
                    self._tell(event.stream_id, event.data)
            case StreamEnded():
                self._tell(event.stream_id, b"")
            case WindowUpdated(stream_id=0):
                for stream in self._streams.values():
                    stream.widened()
            case WindowUpdated(stream_id=int(number)) if number in self._streams:
                self._streams[number].widened()

    def _tell(self, number: int | None, data: bytes) -> None:
        stream = self._streams.get(number or 0)
        if stream is not None:
            stream.received(data)

    def _flush_soon(self) -> None:
        """Many answers given in a row go out at once."""
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self._transport is not None and (data := self._http.data_to_send()):
            self._transport.write(data)
