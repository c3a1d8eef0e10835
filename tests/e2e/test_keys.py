"""API keys as a person makes them: by the command line, with a real controller, a real Envoy and a replica that speaks
as OpenAI's API does."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.processes import all_in
from tests.examples.installation import PATIENCE_SECONDS, Installation, own_installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * PATIENCE_SECONDS)]

SERVICE = """
service:
  readiness_probe: {path: /health, endpoint_probe_interval_seconds: 1}
  load_balancer: {require_key: true}
  drain_seconds: 5
resources: {ports: 8080}
workdir: .
run: exec python3 model.py
"""

MODEL = """
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Model(BaseHTTPRequestHandler):
    def do_GET(self):
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        body = json.dumps({"heard": str(self.headers), "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("", 8080), Model).serve_forever()
"""


def get(endpoint: str, key: str | None) -> tuple[int, str]:
    """(status, body)."""
    request = urllib.request.Request(endpoint, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(holds: Callable[[], bool]) -> None:
    """Wait for it; fail if it does not come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def listed(installation: Installation) -> dict[str, dict[str, Any]]:
    """By name."""
    return {key["name"]: key for key in json.loads(installation.sky("serve", "keys", "list", "web", "-o", "json"))}


def traces_of(installation: Installation, key: str) -> list[str]:
    """Where the key stands: command lines and environments of processes, and files, the replica's own among them."""
    secret = key[10:].encode()
    processes = [Path(f"/proc/{pid}/{what}") for pid in all_in(installation.home) for what in ("cmdline", "environ")]
    files = [path for path in installation.home.root.rglob("*") if path.is_file()]
    return [str(path) for path in (*processes, *files) if path.exists() and secret in path.read_bytes()]


def test_keys_by_the_command_line(tmp_path: Path) -> None:
    """Made, used, counted across a restart of the controller, cut off when the budget is spent, revoked; and written
    down nowhere."""
    (tmp_path / "service.yaml").write_text(SERVICE)
    (tmp_path / "model.py").write_text(MODEL)
    with own_installation() as installation:
        endpoint = installation.up(tmp_path, "web")
        assert get(endpoint, None)[0] == 401
        key = installation.sky("serve", "keys", "create", "web", "mobile", "-q", "--tokens-per-day", "1000000").strip()
        until(lambda: get(endpoint, key)[0] == 200)
        assert key not in get(endpoint, key)[1]

        installation.sky("api", "stop")
        assert get(endpoint, key)[0] == 200
        installation.sky("api", "start")
        # What was answered above, each with seven tokens; what was refused as unknown had no key.
        until(lambda: (k := listed(installation)["mobile"])["requests"] == 3 and k["tokens"] == 21)

        poor = installation.sky("serve", "keys", "create", "web", "batch", "-q", "--tokens-per-day", "10").strip()
        until(lambda: get(endpoint, poor)[0] == 429)
        assert "token_budget_exceeded" in get(endpoint, poor)[1]
        assert "budget spent" in installation.sky("serve", "keys", "list", "web")

        installation.sky("serve", "keys", "revoke", "web", "mobile")
        until(lambda: get(endpoint, key)[0] == 401)
        assert [*listed(installation)] == ["batch"]
        assert traces_of(installation, key) == traces_of(installation, poor) == []
