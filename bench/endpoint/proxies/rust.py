"""Routers for model servers written in Rust."""

from collections.abc import Sequence
from pathlib import Path

from bench.endpoint import peers
from bench.endpoint.program import Program
from bench.endpoint.proxies.proxy import Proxy


class _Router(Proxy):
    """By turns, which costs them least."""

    package: str
    subcommand: tuple[str, ...] = ()

    @classmethod
    def missing(cls) -> str | None:
        return None if cls._script() else cls.package

    @classmethod
    def _script(cls) -> Path | None:
        return peers.script(cls.package, cls.package)

    def launch(self, replicas: Sequence[int]) -> Program:
        script = self._script()
        assert script is not None
        urls = [f"http://127.0.0.1:{port}" for port in replicas]
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--prometheus-port", str(self.port + 1)]
        settings = ["--policy", "round_robin", "--log-level", "error", "--max-concurrent-requests", "100000"]
        return self.run(script, *self.subcommand, *place, *settings, "--worker-urls", *urls)


class VllmRouter(_Router):
    """Of the vLLM project."""

    name = "vllm-router"
    package = "vllm-router"


class SglangRouter(_Router):
    """Of the SGLang project."""

    name = "sglang-router"
    package = "sglang-router"
    subcommand = ("launch",)
