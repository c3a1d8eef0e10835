"""Replicas that answer to nobody but their endpoint, on real parts: brought in, and changed, while requests flow."""

import json
import sqlite3
import ssl
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from bench.processes import all_in
from bench.served import Served
from skyserve.model.rollout import UpdateMode
from tests.certificates import Made, made
from tests.e2e.test_updates import RATE, updating

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SERVER = """
import http.server, os, ssl

KEY = os.environ["SKYPILOT_SERVE_REPLICA_KEY"]

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self):
        self.send_response(200 if self.headers["Authorization"] == f"Bearer {KEY}" else 401)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("", 8080), Answer)
if "SEALED" in os.environ:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem")
    context.load_verify_locations("clients.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
"""
SERVICE = """
service:
  readiness_probe: {path: /health, endpoint_probe_interval_seconds: 1}
  replicas: 2
  drain_seconds: 20
  load_balancer: SETTINGS
resources: {ports: 8080}
workdir: code
run: exec python3 guarded.py
"""
OWN = "sk-own-0123456789"


def with_settings(file: Path, settings: str, more: str) -> Path:
    """The service with these settings of its endpoint, and more keys of the task."""
    file.write_text(SERVICE.replace("SETTINGS", settings) + more)
    return file


async def asked(address: str, key: str, verify: ssl.SSLContext | bool) -> int | None:
    """The status that a replica answers to one who passes the endpoint by; None: it hangs up."""
    async with httpx.AsyncClient(verify=verify, timeout=60, trust_env=False) as client:
        try:
            return (await client.get(address, headers={"authorization": f"Bearer {key}"} if key else {})).status_code
        except (httpx.TransportError, ssl.SSLError):
            return None


async def directly(service: Served, key: str = "", verify: ssl.SSLContext | None = None) -> set[int | None]:
    """What the replicas answer so, by https where it is said whom to trust."""
    scheme = "https" if verify else "http"
    return {await asked(f"{scheme}://{one.endpoint}/", key, verify or True) for one in await service.ready()}


def key_of(service: Served) -> str:
    """The latest, as the database has it, which alone knows it."""
    with closing(sqlite3.connect(service.home.database)) as connection:
        (document,) = connection.execute("SELECT document FROM versions ORDER BY number DESC LIMIT 1").fetchone()
    return str(json.loads(document)["service"]["load_balancer"]["replica_key"])


def written(service: Served, key: str) -> list[str]:
    """Where it stands: command lines, logs, and other files of the controller and the endpoint."""
    processes = [Path(f"/proc/{pid}/cmdline") for pid in all_in(service.home)]
    database = service.home.database.name
    files = [path for path in service.home.serve.rglob("*") if path.is_file() and not path.name.startswith(database)]
    return [str(path) for path in (*processes, *files) if path.exists() and key.encode() in path.read_bytes()]


def test_replicas_come_to_answer_to_their_endpoint_alone(tmp_path: Path) -> None:
    """A key is asked for, then another one, then a certificate too: replicas refuse whoever passes the endpoint by, no
    request fails on the way, and no key is written down."""
    replica, endpoint = made(), made()
    pair = endpoint.write(tmp_path)
    (tmp_path / "ca.pem").write_text(replica.chain)
    tls = f"{{cafile: {tmp_path}/ca.pem, server_name: localhost, keyfile: {pair.keyfile}, certfile: {pair.certfile}}}"
    stranger, known = trusting(replica), trusting(replica)
    known.load_cert_chain(pair.certfile, pair.keyfile)

    async def story(service: Served, file: Path) -> None:
        keys: list[str] = []
        (code := file.parent / "code").mkdir()
        (code / "guarded.py").write_text(SERVER)
        (code / "server.pem").write_text(replica.chain + replica.key_text())
        (code / "clients.pem").write_text(endpoint.chain)

        async def update(settings: str, more: str = "") -> float:
            seconds = await service.update(with_settings(file, settings, more), UpdateMode.ROLLING)
            keys.append(key_of(service))
            return seconds

        async def with_a_key() -> float:
            seconds = await update("{replica_key: auto}")
            assert await directly(service) == await directly(service, OWN) == {401}
            assert await directly(service, keys[-1]) == {200}
            return seconds

        async def with_another() -> float:
            seconds = await update("{replica_key: $TOKEN}", f"secrets: {{TOKEN: {OWN}}}\n")
            assert await directly(service, keys[0]) == {401}
            assert await directly(service, OWN) == {200}
            return seconds

        async def with_a_certificate() -> float:
            seconds = await update(f"{{replica_key: auto, replica_tls: {tls}}}", 'envs: {SEALED: "1"}\n')
            assert await directly(service, keys[-1]) == await directly(service, keys[-1], stranger) == {None}
            assert await directly(service, OWN, known) == {401}
            assert await directly(service, keys[-1], known) == {200}
            return seconds

        steps = [("a key", with_a_key), ("another", with_another), ("a certificate", with_a_certificate)]
        _, report = await service.under_load(RATE, 100, steps)

        assert not report.failed(), report.summary()
        assert len(set(keys)) == 3
        assert [found for key in keys for found in written(service, key)] == []

    updating(story)


def trusting(replica: Made) -> ssl.SSLContext:
    """Of one who takes the certificate of replicas for good, at whatever address."""
    context = ssl.create_default_context(cadata=replica.chain)
    context.check_hostname = False
    return context
