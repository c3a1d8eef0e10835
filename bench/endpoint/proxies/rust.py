"""Routers for model servers written in Rust."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import httpx

from bench.endpoint import peers
from bench.endpoint.program import Program
from bench.endpoint.proxies.proxy import Proxy

CHANGE_SECONDS = 30.0
"""A router may probe a replica before it answers that it takes it."""


class _Router(Proxy):
    """By turns, which costs them least."""

    package: str
    subcommand: tuple[str, ...] = ()
    changes = True

    @classmethod
    def missing(cls) -> str | None:
        return None if cls._script() else cls.package

    @classmethod
    def _script(cls) -> Path | None:
        return peers.script(cls.package, cls.package)

    def launch(self, replicas: Sequence[int]) -> Program:
        script = self._script()
        assert script is not None
        urls = [_url(port) for port in replicas]
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--prometheus-port", str(self.port + 1)]
        settings = ["--policy", "round_robin", "--log-level", "error", "--max-concurrent-requests", "100000"]
        return self.run(script, *self.subcommand, *place, *settings, "--worker-urls", *urls)

    def change(self, replicas: Sequence[int]) -> None:
        """By the routers' own interface: first those that come, then those that go."""
        wanted = {_url(port) for port in replicas}
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=CHANGE_SECONDS) as client:
            known = {worker["url"] for worker in _workers(client)}
            for url in sorted(wanted - known):
                self._add(client, url).raise_for_status()
            for url in sorted(known - wanted):
                self._remove(client, url).raise_for_status()

    @abstractmethod
    def _add(self, client: httpx.Client, url: str) -> httpx.Response: ...

    @abstractmethod
    def _remove(self, client: httpx.Client, url: str) -> httpx.Response: ...


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _workers(client: httpx.Client) -> list[dict[str, str]]:
    """Those that the router knows."""
    workers: list[dict[str, str]] = client.get("/workers").json()["workers"]
    return workers


class VllmRouter(_Router):
    """Of the vLLM project. It takes a replica once it has probed it."""

    name = "vllm-router"
    package = "vllm-router"

    def _add(self, client: httpx.Client, url: str) -> httpx.Response:
        return client.post("/add_worker", params={"url": url})

    def _remove(self, client: httpx.Client, url: str) -> httpx.Response:
        return client.post("/remove_worker", params={"url": url})


class SglangRouter(_Router):
    """Of the SGLang project. It says that it will take a replica, and does so later."""

    name = "sglang-router"
    package = "sglang-router"
    subcommand = ("launch",)

    def _add(self, client: httpx.Client, url: str) -> httpx.Response:
        return client.post("/workers", json={"url": url})

    def _remove(self, client: httpx.Client, url: str) -> httpx.Response:
        worker = next(worker["id"] for worker in _workers(client) if worker["url"] == url)
        return client.delete(f"/workers/{worker}")
