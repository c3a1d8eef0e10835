"""A replica that costs next to nothing: `python -m bench.endpoint.replica PORT...`, one process on all these ports.

Reads a request whole before it answers, as model servers do; a proxy sees a response that overtakes its request as an
error. One that asks for a stream is answered by server-sent events, each stream at a beat of its own, so that a proxy
gets no help from events that happen to come together; every other at once by a short JSON, with a header that tells
which replica it was. HTTP/1.1 with a Content-Length alone: the load sends that, and all proxies make that of it.
"""

import select
import socket
import sys
import time
from dataclasses import dataclass, field

CHUNKS = 100
PERIOD_SECONDS = 0.020
BEATS = 20
"""Points of time in a period at which streams may have their turn."""
READ_BYTES = 2**16
"""At a time. Python's allocator would ask the kernel for more than 128 KiB each time."""

_ANSWER = b'{"id":"cmpl-1","object":"text_completion","choices":[{"index":0,"text":" world","finish_reason":"stop"}]}'
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-replica: %d\r\ncontent-length: %d\r\n\r\n"
_EVENT = b'data: {"id":"cmpl-1","object":"text_completion","model":"m","choices":[["text"," the next token"]]}\n\n'
EVENT = b"%x\r\n%b\r\n" % (len(_EVENT), _EVENT)
"""One chunk. Its brace is the only one, so that a reader can count."""
BEGIN = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" + EVENT
END = b"0\r\n\r\n"
_HTTP2 = b"PRI "
"""How HTTP/2 begins, which this does not speak: some routers ask."""
_LENGTH = b"content-length:"
_STREAMS = b'"stream":true'
"""At the beginning of a body."""


@dataclass(slots=True, eq=False)
class Connection:
    """One that was accepted."""

    sock: socket.socket
    answer: bytes
    """To a request that asks for no stream."""
    head: bytes = b""
    """What came of a head that is not whole yet."""
    missing: int = 0
    """Bytes of the body that are still to come."""
    streams: bool = False
    """The request that is being read wants a stream."""
    left: int = 0
    """Chunks of its stream that are still to be sent."""


@dataclass(slots=True)
class Server:
    """All ports."""

    poll: select.epoll = field(default_factory=select.epoll)
    listeners: dict[int, socket.socket] = field(default_factory=dict)
    connections: dict[int, Connection] = field(default_factory=dict)
    beats: list[set[Connection]] = field(default_factory=lambda: [set() for _ in range(BEATS)])
    beat: int = 0

    def listen(self, port: int) -> None:
        listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        listener.setblocking(False)
        self.listeners[listener.fileno()] = listener
        self.poll.register(listener, select.EPOLLIN)

    def run(self) -> None:
        """Serve until the input ends, so that nothing outlives what started us."""
        due = time.monotonic()
        self.poll.register(sys.stdin, select.EPOLLIN)
        while True:
            busy = any(self.beats)
            for fd, _ in self.poll.poll(max(0.0, due - time.monotonic()) if busy else -1):
                if fd == sys.stdin.fileno():
                    return
                if fd in self.listeners:
                    self._accept(self.listeners[fd])
                elif fd in self.connections:
                    self._receive(self.connections[fd])
            now = time.monotonic()
            if not busy:
                due = now
            while due < now:
                self._turn()
                due += PERIOD_SECONDS / BEATS

    def _accept(self, listener: socket.socket) -> None:
        sock, _ = listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections[sock.fileno()] = Connection(sock, _HEAD % (sock.getsockname()[1], len(_ANSWER)) + _ANSWER)
        self.poll.register(sock, select.EPOLLIN)

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        if connection.missing:
            connection.missing -= len(data)
        else:
            data = connection.head + data
            head, end, body = data.partition(b"\r\n\r\n")
            if not end:
                connection.head = data
                return
            if head.startswith(_HTTP2):
                self._close(connection)
                return
            connection.head = b""
            connection.missing = _length(head) - len(body)
            data = body
        if data:
            connection.streams = _STREAMS in data[:256]
        if not connection.missing:
            self._answer(connection)

    def _answer(self, connection: Connection) -> None:
        if not connection.streams:
            self._send(connection, connection.answer)
        elif self._send(connection, BEGIN):
            connection.left = CHUNKS - 1
            self.beats[self.beat - 1].add(connection)

    def _turn(self) -> None:
        """The streams of the next beat."""
        self.beat = (self.beat + 1) % BEATS
        for connection in list(self.beats[self.beat]):
            connection.left -= 1
            if not self._send(connection, EVENT if connection.left else EVENT + END) or not connection.left:
                self.beats[self.beat].discard(connection)

    def _send(self, connection: Connection, data: bytes) -> bool:
        """Whether it is still open. What is sent is short: a peer that lets so much pile up does not read."""
        try:
            whole = connection.sock.send(data) == len(data)
        except OSError:
            whole = False
        if not whole:
            self._close(connection)
        return whole

    def _close(self, connection: Connection) -> None:
        del self.connections[connection.sock.fileno()]
        connection.sock.close()
        for streams in self.beats:
            streams.discard(connection)


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(_LENGTH)
    return int(rest.partition(b"\r\n")[0]) if found else 0


def main() -> None:
    """Listen on the ports that are named, say so by a line, and serve."""
    server = Server()
    for port in sys.argv[1:]:
        server.listen(int(port))
    print("ready", flush=True)
    server.run()


if __name__ == "__main__":
    main()
