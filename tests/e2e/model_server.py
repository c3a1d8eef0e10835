"""What replicas run in the tests of switching: each tells who it is and how many requests it has, and streams."""

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EVENT_SECONDS = 0.1
inside = 0
lock = threading.Lock()


class Model(BaseHTTPRequestHandler):
    """Chat completions, and a stream of events."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Health, and /events: a stream that ends with whoever reads it."""
        if self.path != "/events":
            self._answer({})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        while True:
            self.wfile.write(b"data: {}\n\n")
            time.sleep(EVENT_SECONDS)

    def do_POST(self) -> None:
        """Who answered, and how many requests it was answering."""
        global inside
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with lock:
            inside += 1
            at_once = inside
        time.sleep(body["seconds"])
        with lock:
            inside -= 1
        self._answer({"replica": os.environ["SKYPILOT_SERVE_REPLICA_ID"], "at_once": at_once})

    def _answer(self, what: dict[str, object]) -> None:
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: there are many."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Model).serve_forever()
