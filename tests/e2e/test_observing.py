"""What a service does, as a person and as Prometheus see it: by the command line and a port, with real replicas."""

import json
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.examples.installation import PATIENCE_SECONDS, Installation, own_installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * PATIENCE_SECONDS)]

SERVICE = """
service:
  readiness_probe: {path: /, endpoint_probe_interval_seconds: 1}
  replicas: 2
resources: {ports: 8080}
run: exec python3 -m http.server 8080
"""


def free_port() -> int:
    """One that nobody holds now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answered(port: int) -> dict[str, float]:
    """By replica: requests answered with 200, as Prometheus would read them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_SECONDS) as response:
        families = text_string_to_metric_families(response.read().decode())
    (requests,) = [family for family in families if family.name == "skyserve_requests"]
    return {s.labels["replica"]: s.value for s in requests.samples if s.labels["code"] == "200"}


def logged(installation: Installation) -> list[dict[str, Any]]:
    """The requests in the access log."""
    text = installation.sky("serve", "logs", "web", "--load-balancer", "--json", "--tail", "100")
    return [json.loads(line) for line in text.splitlines()]


def test_what_a_service_does_can_be_seen(tmp_path: Path) -> None:
    """Requests are in the metrics, in the log without their secrets, and `top` knows who serves."""
    (tmp_path / "service.yaml").write_text(SERVICE)
    port = free_port()
    with own_installation(f"metrics_port: {port}") as installation:
        endpoint = installation.up(tmp_path, "web")
        for _ in range(20):
            urllib.request.urlopen(f"{endpoint}/?key=sesame", timeout=PATIENCE_SECONDS).read()

        deadline = time.monotonic() + PATIENCE_SECONDS
        while sum((counted := answered(port)).values()) < 20 or len(logged(installation)) < 20:
            assert time.monotonic() < deadline, counted
            time.sleep(0.5)
        assert set(counted) == {"1", "2"}
        lines = logged(installation)
        assert {(line["service"], line["path"], line["status"]) for line in lines} == {("web", "/", 200)}
        assert {str(line["replica"]) for line in lines} == set(counted)
        assert "sesame" not in str(lines)
        assert "  200  GET /  replica " in installation.sky("serve", "logs", "web", "--load-balancer", "--tail", "1")

        (seen,) = json.loads(installation.sky("serve", "top", "web", "-o", "json"))
        assert (seen["name"], seen["ready_replicas"], len(seen["replicas"])) == ("web", 2, 2)
        assert seen["seconds"] > 0
        assert "2 of 2 replicas ready" in installation.sky("serve", "top", "--once")
