"""This project's endpoint as a file of settings that nobody steers, so that parts of it can be left out."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.endpoint.program import Program
from bench.endpoint.proxies.proxy import Proxy
from skyserve.endpoint.bootstrap import bootstrap
from skyserve.endpoint.layout import Layout
from skyserve.endpoint.native import library
from skyserve.endpoint.starting import LIBRARIES, binary
from skyserve.endpoint.translate.naming import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Json
from skyserve.endpoint.translate.service import resources
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.key import KeyRule
from skyserve.model.place import Address
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy

HEAP_BYTES, CONNECTIONS = 2**30, 1000
_KEY = "sk-" + 43 * "a"
KEY = KeyRule(1, hashlib.sha256(_KEY.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Parts:
    """What may be changed before it is written down."""

    bootstrap: Json
    cluster: Json
    manager: Json
    """Of connections: filters and logs."""
    routes: Json


class Still(Proxy):
    """Without a gate and a controller, which the usual request does not meet."""

    name = "ours"
    policy = LoadBalancingPolicy.LEAST_LOAD
    changes_parts: tuple[Callable[[Parts], None], ...] = ()
    key: KeyRule | None = None
    """If there is one, it is needed, and KEY with limits that are not reached."""

    @classmethod
    def missing(cls) -> str | None:
        return None

    def launch(self, replicas: Sequence[int]) -> Program:
        parts = _standing(Layout(self.folder), self._told(replicas))
        for change in self.changes_parts:
            change(parts)
        file = self.folder / "envoy.json"
        file.write_text(json.dumps(parts.bootstrap))
        options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
        environment = {LIBRARIES: str(library().parent)}
        return self.run(binary(), "-c", file, *options, environment=environment)

    def _told(self, replicas: Sequence[int]) -> dict[str, Json]:
        settings = EndpointSettings(require_key=self.key is not None, hold_seconds=0)
        backends = tuple(Backend(port, Address("127.0.0.1", port)) for port in replicas)
        table = RouteTable(1, "bench", self.port, self.policy, backends, settings=settings)
        table = replace(table, keys=(self.key,) if self.key else ())
        log, tally = self.folder / "access.log", self.folder / "tally"
        told = resources(table, host="127.0.0.1", access_log=log, tally=tally, courier="nobody")
        return {resource.pop("@type"): resource for resource in told}


class ByPrefix(Still):
    """Where the prompt says to which replica."""

    policy = LoadBalancingPolicy.PREFIX_AFFINITY


def keyed(**about: object) -> type[Still]:
    """With a key that has these limits."""

    class Keyed(Still):
        key = replace(KEY, **about)  # type: ignore[arg-type]
        headers = (f"Authorization: Bearer {_KEY}",)

    return Keyed


def _standing(layout: Layout, told: dict[str, Json]) -> Parts:
    """What Envoy is told of a service otherwise, as it could be written down from the beginning."""
    cluster, listener, routes = (told[kind] for kind in (CLUSTER, LISTENER, ROUTES))
    manager: Json = listener["filter_chains"][0]["filters"][0]["typed_config"]
    del cluster["eds_cluster_config"], manager["rds"]
    cluster |= {"type": "STATIC", "load_assignment": told[ENDPOINTS]}
    manager["route_config"] = routes
    # A limit of requests comes by discovery, and the gate is a cluster of its own.
    ours = [filter for filter in manager["http_filters"] if "ext_proc" not in filter["name"]]
    manager["http_filters"] = [filter for filter in ours if "config_discovery" not in filter]
    written = bootstrap(layout, heap_bytes=HEAP_BYTES, connections=CONNECTIONS)
    del written["dynamic_resources"]
    written["static_resources"] = {"listeners": [listener], "clusters": [cluster]}
    return Parts(written, cluster, manager, routes)
