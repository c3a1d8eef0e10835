"""Loads: what is sent, and what of the answers and of the proxy's CPU came of it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.endpoint.client import PATH
from bench.endpoint.proxies.proxy import Proxy
from bench.endpoint.sample import Sample, percentile

_DONE = """
done = function(summary, latency)
  local e = summary.errors
  io.stderr:write(string.format("%d %d %f %f %d", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""
"""wrk's figures in one line: requests, microseconds in all, microseconds, microseconds, errors."""


@dataclass(frozen=True, slots=True)
class Flood:
    """As many requests as will go through so many connections, by wrk."""

    connections: int
    body_bytes: int = 0
    """Of each request; 0: a short prompt."""
    kept: bool = True
    """The next request uses the same connection."""

    def run(self, proxy: Proxy, seconds: int) -> Sample:
        """For so long."""
        script = self._script(proxy)
        url = f"http://127.0.0.1:{proxy.port}{PATH}"
        before = proxy.cpu_seconds()
        command = ["wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "30", "-s", str(script), url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        used = proxy.cpu_seconds() - before
        requests, duration, p50, p99, errors = map(float, said.split())
        return Sample(
            1e6 * requests / duration, 1e6 * used / requests if requests else float("nan"), p50 / 1e3, p99 / 1e3, errors
        )

    def _script(self, proxy: Proxy) -> Path:
        filler = f'string.rep("x", {self.body_bytes})' if self.body_bytes else '"hello"'
        headers = ["Content-Type: application/json", *proxy.headers, *([] if self.kept else ["Connection: close"])]
        lines = [
            'wrk.method = "POST"',
            f"""wrk.body = '{{"model":"m","prompt":"' .. {filler} .. '","stream":false}}'""",
            *(
                f"wrk.headers[{json.dumps(n)}] = {json.dumps(v.strip())}"
                for n, _, v in (h.partition(":") for h in headers)
            ),
        ]
        script = proxy.folder / "load.lua"
        script.write_text("\n".join(lines) + _DONE)
        return script


@dataclass(frozen=True, slots=True)
class Paced:
    """So many requests a second, evenly."""

    rate: float

    def run(self, proxy: Proxy, seconds: int) -> Sample:
        """For so long."""
        return _by_client(proxy, ["--rate", str(self.rate), "--seconds", str(seconds)])


@dataclass(frozen=True, slots=True)
class Streams:
    """So many at a time. Times are those to the first byte."""

    count: int

    def run(self, proxy: Proxy, seconds: int) -> Sample:
        """For so long once all have begun."""
        return _by_client(proxy, ["--streams", str(self.count), "--seconds", str(seconds)])


Load = Flood | Paced | Streams


def _by_client(proxy: Proxy, arguments: list[str]) -> Sample:
    headers = [part for header in proxy.headers for part in ("--header", header)]
    command = [sys.executable, "-m", "bench.endpoint.client", str(proxy.port), *arguments, *headers]
    before = proxy.cpu_seconds()
    outcome = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    used = proxy.cpu_seconds() - before
    answered = outcome["results"].pop("200", 0)
    count = outcome["chunks"] if "--streams" in arguments else answered
    return Sample(
        count / outcome["seconds"],
        1e6 * used / count if count else float("nan"),
        percentile(outcome["first_bytes"], 0.5),
        percentile(outcome["first_bytes"], 0.99),
        sum(outcome["results"].values()),
    )
