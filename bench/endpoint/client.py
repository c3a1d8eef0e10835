"""A client that keeps time: `python -m bench.endpoint.client PORT (--rate R | --streams N) --seconds S`.

With --rate, so many requests a second, evenly, whatever the answers take; a latency counts from when a request was due,
so that a stall is seen by each request that it delays. With --streams, so many streams at any time, begun one after the
other so that they end so too. Prints what came of it as one JSON object (see `Outcome`).
"""

import argparse
import json
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

WARM_UP_SECONDS = 1.0
"""What is asked before this counts for no time; it counts as answered or not."""
PATIENCE_SECONDS = 10.0
"""So long after the last request the answers that are still due are given up."""
STREAM_SECONDS = 2.0
"""Over which the first streams are begun: as long as each of them lasts."""
READ_BYTES = 2**16
PATH = "/v1/completions"


@dataclass(slots=True)
class Outcome:
    """Times in milliseconds."""

    results: dict[str, int] = field(default_factory=dict)
    """How many requests by status, or `cut`, `refused`, `silent`."""
    chunks: int = 0
    """Of streams: events that came."""
    seconds: float = 0.0
    """From the first request to the last answer."""
    first_bytes: list[float] = field(default_factory=list)

    def add(self, result: str, count: int = 1) -> None:
        """So many more of it."""
        self.results[result] = self.results.get(result, 0) + count


@dataclass(slots=True, eq=False)
class Connection:
    """One request at a time."""

    sock: socket.socket
    due: float = 0.0
    status: str = ""
    """Empty until the head has come."""
    begun: float = 0.0
    """When the first byte came; 0 before."""
    buffer: bytes = b""
    """The head as far as it has come; then the last bytes of a body without length."""
    missing: int | None = None
    """Bytes until the answer is whole; None where only its end tells."""


class Client:
    """To one port."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self._poll = select.epoll()
        self._busy: dict[int, Connection] = {}
        self._idle: list[Connection] = []
        self._began = time.monotonic()
        self.outcome = Outcome()

    def paced(self, rate: float, seconds: float) -> None:
        """So many requests a second."""
        for number in range(int(rate * seconds)):
            due = self._began + number / rate
            self._listen_until(due)
            self._ask(due)
        self._finish()

    def streams(self, count: int, seconds: float) -> None:
        """So many at a time, for so long once all have begun."""
        for number in range(count):
            self._listen_until(self._began + STREAM_SECONDS * number / count)
            self._ask(time.monotonic())
        end = self._began + STREAM_SECONDS + seconds
        while time.monotonic() < end:
            while len(self._busy) < count:
                self._ask(time.monotonic())
            self._listen_once(end)
        self._finish()

    def _listen_until(self, when: float) -> None:
        """Also where that is past: a client that lags and heard nothing would open ever more connections."""
        self._listen_once(time.monotonic())
        while time.monotonic() < when:
            self._listen_once(when)

    def _listen_once(self, until: float) -> bool:
        """Whether anything came. `select` and not `poll`, since it counts in microseconds."""
        if not select.select([self._poll], [], [], max(0.0, until - time.monotonic()))[0]:
            return False
        for fd, _ in self._poll.poll(0):
            self._receive(self._busy.get(fd) or next(idle for idle in self._idle if idle.sock.fileno() == fd))
        return True

    def _finish(self) -> None:
        """Wait for the answers that are due, but not for those that an overloaded proxy would give one day."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self._busy and self._listen_once(end):
            pass
        if self._busy:
            self.outcome.add("silent", len(self._busy))
        self.outcome.seconds = time.monotonic() - self._began

    def _ask(self, due: float) -> None:
        try:
            connection = self._idle.pop() if self._idle else self._connect()
            connection.sock.send(self._request)
        except OSError:
            self.outcome.add("refused")
            time.sleep(0.001)
            return
        connection.due, connection.begun, connection.status, connection.buffer = due, 0.0, "", b""
        self._busy[connection.sock.fileno()] = connection

    def _connect(self) -> Connection:
        sock = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self._poll.register(sock, select.EPOLLIN)
        return Connection(sock)

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(READ_BYTES)
        except OSError:
            data = b""
        busy = self._busy.get(connection.sock.fileno()) is connection
        if not data or not busy:
            self._drop(connection, busy)
            return
        connection.begun = connection.begun or time.monotonic()
        self.outcome.chunks += data.count(b"{")
        if not connection.status:
            data = self._head(connection, connection.buffer + data)
        if connection.status and _ended(connection, data):
            self._answered(connection)

    def _head(self, connection: Connection, data: bytes) -> bytes:
        """What follows the head."""
        head, whole, body = data.partition(b"\r\n\r\n")
        connection.buffer = data
        if whole:
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            connection.missing = int(length) if length else None
            connection.status = head.split(b" ", 2)[1].decode()
            connection.buffer = b""
        return body

    def _answered(self, connection: Connection) -> None:
        self.outcome.add(connection.status)
        if connection.due - self._began > WARM_UP_SECONDS and connection.status == "200":
            self.outcome.first_bytes.append(1e3 * (connection.begun - connection.due))
        del self._busy[connection.sock.fileno()]
        self._idle.append(connection)

    def _drop(self, connection: Connection, busy: bool) -> None:
        if busy:
            self.outcome.add("cut")
            del self._busy[connection.sock.fileno()]
        else:
            self._idle.remove(connection)
        connection.sock.close()


def _ended(connection: Connection, data: bytes) -> bool:
    if connection.missing is None:
        connection.buffer = (connection.buffer + data)[-5:]
        return connection.buffer == b"0\r\n\r\n"
    connection.missing -= len(data)
    return connection.missing <= 0


def request(headers: Sequence[str] = (), *, streams: bool = False) -> bytes:
    """A small POST."""
    body = json.dumps({"model": "m", "prompt": "hello", "stream": streams}, separators=(",", ":"))
    lines = [f"POST {PATH} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json", *headers]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", body]).encode()


def main() -> None:
    """Print the outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--rate", type=float, help="requests a second")
    parser.add_argument("--streams", type=int, help="at a time")
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    client = Client(arguments.port, request(arguments.header, streams=arguments.streams is not None))
    if arguments.rate:
        client.paced(arguments.rate, arguments.seconds)
    else:
        client.streams(arguments.streams, arguments.seconds)
    print(json.dumps(asdict(client.outcome)))


if __name__ == "__main__":
    main()
