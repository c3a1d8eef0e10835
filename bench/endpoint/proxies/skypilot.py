"""SkyServe's own load balancer, beside a controller of which nothing is left but the list of replicas."""

import json
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from bench.endpoint import peers
from bench.endpoint.program import Program
from bench.endpoint.proxies.proxy import Proxy


class SkyPilot(Proxy):
    """As its service processes start it. It asks for the list 5 s after its start, then every 20 s."""

    name = "SkyServe"
    changes = True

    @classmethod
    def missing(cls) -> str | None:
        return None if peers.script("skypilot", "python") else "skypilot"

    def launch(self, replicas: Sequence[int]) -> Program:
        python = peers.script("skypilot", "python")
        assert python is not None
        self._controller = HTTPServer(("127.0.0.1", self.port + 1), _Controller)
        self.change(replicas)
        Thread(target=self._controller.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{self.port + 1}"
        arguments = ("--load-balancer-port", str(self.port), "--controller-addr", address)
        return self.run(python, "-m", "sky.serve.load_balancer", *arguments, environment={"HOME": str(self.folder)})

    def change(self, replicas: Sequence[int]) -> None:
        listed = {f"http://127.0.0.1:{port}": {"gpu_type": "unknown"} for port in replicas}
        _Controller.answer = json.dumps({"replica_info": listed}).encode()

    def end(self) -> None:
        super().end()
        self._controller.shutdown()
        self._controller.server_close()


class _Controller(BaseHTTPRequestHandler):
    answer = b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
