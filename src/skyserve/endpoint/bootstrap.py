"""What Envoy is started with. All else it is told over ADS."""

from dataclasses import asdict
from pathlib import Path

from skyserve.endpoint.layout import Layout
from skyserve.endpoint.overload import GUARDS, overload_manager
from skyserve.endpoint.translate.cluster import unlimited
from skyserve.endpoint.translate.gate import GATE_CLUSTER
from skyserve.endpoint.translate.naming import Json, extension
from skyserve.endpoint.translate.tracing import COLLECTOR
from skyserve.endpoint.translate.waiting import waiting_cluster, waiting_listener
from skyserve.model.tracing import Tracing

LOAD_COUNTERS = r"http\.service-\d+\.downstream_rq_(total|active)|cluster\.service-\d+\.upstream_cx_none_healthy"
"""Of each service: requests so far, requests in flight, and how many found no replica (Envoy counts each of those once
as a connection for which no host was healthy)."""
TRAFFIC_COUNTERS = (
    rf"{LOAD_COUNTERS}|http\.service-\d+\.downstream_cx_(active|total|rx_bytes_total|tx_bytes_total)"
    r"|cluster\.service-\d+\.(upstream_rq_retry|outlier_detection\.ejections_(active|enforced_total))"
)
"""What people are shown besides: clients' connections, retries and ejections."""
OF_ITSELF = r"(server|overload|listener_manager|cluster_manager)\..+"
"""Not as prefixes, which Envoy compares at each request with names that it does not keep; what regular expressions say
of a name it remembers."""
IN_FLIGHT = r"cluster\.service-\d+\.(upstream_rq_active|endpoint\..+\.rq_active)"
"""Of each service: requests in flight to all replicas together, which bounded loads are measured by (not kept, it would
read 0); and to each of them."""
NODE = "skyserve"
TRACES = "traces"
"""Where the metadata of the node tells of them."""
_CONTROLLER = "controller"
RECONNECT_SECONDS = 2
"""Longest pause between attempts to reach a controller that is away: how late its changes may be."""


def bootstrap(
    layout: Layout, *, heap_bytes: int, connections: int, traces: Tracing | None = None, node: str = NODE
) -> Json:
    """`heap_bytes`: memory at which Envoy refuses requests rather than being killed. `node`: by what name it asks."""
    return {
        # Where traces go is written down for whoever takes this Envoy over: listeners must stay as they are.
        "node": {"id": node, "cluster": NODE, "metadata": {TRACES: asdict(traces)} if traces else {}},
        # 0600: whoever can write to it can stop Envoy.
        "admin": {"address": {"pipe": {"path": str(layout.admin_socket), "mode": 0o600}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": _controller()}],
            },
            "cds_config": _awaited(),
            "lds_config": _awaited(),
        },
        "bootstrap_extensions": [
            {
                "name": "envoy.bootstrap.internal_listener",
                "typed_config": {"@type": extension("bootstrap.internal_listener.v3.InternalListener")},
            }
        ],
        "static_resources": {
            "listeners": [waiting_listener()],
            "clusters": [
                _grpc_cluster(_CONTROLLER, _pipe(layout.ads_socket)),
                _grpc_cluster(GATE_CLUSTER, _pipe(layout.gate_socket)),
                waiting_cluster(layout.waiting_socket),
                *([_grpc_cluster(COLLECTOR, _host(traces), "STRICT_DNS")] if traces else []),
            ],
        },
        # Each replica's connections are counted apart from these; all else would cost memory a service.
        "stats_config": {
            "stats_matcher": {
                "inclusion_list": {
                    "patterns": [{"safe_regex": {"regex": f"{OF_ITSELF}|{TRAFFIC_COUNTERS}|{IN_FLIGHT}"}}]
                }
            }
        },
        "overload_manager": overload_manager(heap_bytes, connections),
        "layered_runtime": {"layers": [{"name": "skyserve", "static_layer": GUARDS}]},
    }


def _awaited() -> Json:
    """From the controller, however long that takes: an Envoy that took over knowing of no service would close those of
    its predecessor."""
    return {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}


def _controller() -> Json:
    return {
        "cluster_name": _CONTROLLER,
        "retry_policy": {
            "retry_back_off": {"base_interval": "0.1s", "max_interval": f"{RECONNECT_SECONDS}s"},
        },
    }


def traces_of(content: Json) -> Tracing | None:
    """Where a bootstrap says that traces go. An older one says nothing."""
    found = content["node"].get("metadata", {}).get(TRACES)
    return Tracing(**found) if found else None


def _pipe(socket: Path) -> Json:
    return {"pipe": {"path": str(socket)}}


def _host(traces: Tracing) -> Json:
    return {"socket_address": {"address": traces.host, "port_value": traces.port}}


def _grpc_cluster(name: str, address: Json, kind: str = "STATIC") -> Json:
    """A server of the controller's, or the collector of traces."""
    return {
        "name": name,
        "type": kind,
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [unlimited()]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": extension("upstreams.http.v3.HttpProtocolOptions"),
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
