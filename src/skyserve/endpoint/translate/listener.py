"""A port -> Listener. Depends on what never changes while the service lives: a changed listener drains, and cuts
the connections it holds. All that may change is in routes, cluster and endpoints; but for whether it speaks TLS, which
only another listener can change."""

from pathlib import Path

from skyserve.endpoint.translate import limits
from skyserve.endpoint.translate.filters import http_filters
from skyserve.endpoint.translate.local_reply import local_reply
from skyserve.endpoint.translate.naming import ADS, LISTENER, Json, extension, resource_name
from skyserve.endpoint.translate.record import recorder
from skyserve.endpoint.translate.tls import with_tls
from skyserve.endpoint.translate.tracing import tracing
from skyserve.model.route import RouteTable
from skyserve.model.tracing import Tracing

_MANAGER = "filters.network.http_connection_manager.v3.HttpConnectionManager"


def listener(table: RouteTable, *, host: str, access_log: Path, tally: Path, traces: Tracing | None = None) -> Json:
    """`host`: the IP address to bind."""
    name = resource_name(table.service_id)
    record = recorder(table.name, access_log, tally)
    chain = {
        "filters": [
            {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": _connection_manager(table, name, record) | _traced(table, traces),
            }
        ]
    }
    return {
        "@type": LISTENER,
        "name": name,
        "address": {"socket_address": {"address": host, "port_value": table.port}},
        # With reuse_port a second Envoy of the same user could bind the port too and get half the connections.
        "enable_reuse_port": False,
        **limits.of_connections(),
        **(
            with_tls(table, chain, recorder(table.name, access_log))
            if table.settings.tls
            else {"filter_chains": [chain]}
        ),
    }


def _connection_manager(table: RouteTable, name: str, record: Json) -> Json:
    return {
        "@type": extension(_MANAGER),
        "stat_prefix": name,
        "codec_type": "AUTO",
        "rds": {"config_source": ADS, "route_config_name": name},
        "http_filters": http_filters(name),
        "server_header_transformation": "PASS_THROUGH",
        "use_remote_address": True,
        # Nobody is internal: a client's x-envoy-* headers must not steer retries and timeouts. An empty list would
        # mean the default, private addresses.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "0.0.0.0", "prefix_len": 32}]},
        **_request_id(),
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        **limits.of_requests(table.name),
        "access_log": [record],
        "local_reply_config": local_reply(table.name),
    }


def _traced(table: RouteTable, traces: Tracing | None) -> Json:
    return {} if traces is None else {"tracing": tracing(traces, table.name), **_request_id(sampling=False)}


def _request_id(*, sampling: bool = True) -> Json:
    """Every request has one, and a client's own is kept to the letter. `sampling`: it decides what is traced, which
    matters only to a tracer; one of a client's own making cannot."""
    return {
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "request_id_extension": {
            "typed_config": {
                "@type": extension("request_id.uuid.v3.UuidRequestIdConfig"),
                "pack_trace_reason": False,
                **({} if sampling else {"use_request_id_for_trace_sampling": False}),
            }
        },
    }
